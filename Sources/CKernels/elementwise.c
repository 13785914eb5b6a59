#include "CKernels.h"
#include "dialect.h"

#include "single.h"
#include "elementwise.inc"

#include "double.h"
#include "elementwise.inc"
