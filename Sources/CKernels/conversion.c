#include "CKernels.h"
#include "dialect.h"

#define CK_THEME_OF_NO_PRECISION "conversion.inc"
#include "variants.h"
