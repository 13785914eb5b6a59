#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "elementwise.inc"
#include "variants.h"
