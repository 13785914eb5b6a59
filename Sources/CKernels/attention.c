#include "CKernels.h"
#include "dialect.h"

#define CK_THEME "attention.inc"
#include "variants.h"
