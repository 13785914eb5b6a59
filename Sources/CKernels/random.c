#include "CKernels.h"
#include "philox.h"

#define CK_THEME_OF_NO_PRECISION "random_mask.inc"
#define CK_THEME "random.inc"
#include "variants.h"
