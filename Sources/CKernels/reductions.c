#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "reductions.inc"
#include "variants.h"
