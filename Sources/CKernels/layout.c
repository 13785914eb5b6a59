#include "CKernels.h"
#include "dialect.h"

#include "single.h"
#include "layout.inc"

#include "double.h"
#include "layout.inc"
