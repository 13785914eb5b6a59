#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "recurrent.inc"
#include "variants.h"
