#include "CKernels.h"
#include "dialect.h"

#include "single.h"
#include "optimizer.inc"

#include "double.h"
#include "optimizer.inc"
