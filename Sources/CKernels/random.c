#include "CKernels.h"
#include "philox.h"

#include "single.h"
#include "random.inc"

#include "double.h"
#include "random.inc"
