// Defines the kernels of CK_THEME for one kind of processor, in both precisions.
#ifdef CK_THEME_OF_NO_PRECISION
#include CK_THEME_OF_NO_PRECISION
#endif
#ifdef CK_THEME
#include "single.h"
#include CK_THEME

#include "double.h"
#include CK_THEME
#endif
