#include "CKernels.h"
#include "dialect.h"

#include "single.h"
#include "recurrent.inc"

#include "double.h"
#include "recurrent.inc"
