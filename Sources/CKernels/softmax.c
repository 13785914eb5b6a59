#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "softmax.inc"
#include "variants.h"
