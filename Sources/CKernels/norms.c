#include "CKernels.h"
#include "dialect.h"

#include "single.h"
#include "norms.inc"

#include "double.h"
#include "norms.inc"
