#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "optimizer.inc"
#include "variants.h"
