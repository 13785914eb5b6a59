#include "CKernels.h"
#include "dialect.h"

#include "single.h"
#include "reductions.inc"

#include "double.h"
#include "reductions.inc"
