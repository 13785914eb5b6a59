#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "norms.inc"
#include "variants.h"
