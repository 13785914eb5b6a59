#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "layout.inc"
#include "variants.h"
