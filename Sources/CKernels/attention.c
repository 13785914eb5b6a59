#include "CKernels.h"
#include "dialect.h"

#include "single.h"
#include "row_max.inc"
#include "attention.inc"

#include "double.h"
#include "row_max.inc"
#include "attention.inc"
