// The kernels' vocabulary in double precision.
#include "no_precision.h"
#define REAL double
#define K(name) CK_NAME(ck_##name##_f64)
#define EXP(x) exp(x)
#define LOG(x) log(x)
#define TANH(x) tanh(x)
#define SQRT(x) sqrt(x)
#define SIN(x) sin(x)
#define COS(x) cos(x)
#define ABS(x) fabs(x)
#define LIBM(name) name
