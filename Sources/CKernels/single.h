// The kernels' vocabulary in single precision.
#include "no_precision.h"
#define REAL float
#define K(name) CK_NAME(ck_##name##_f32)
#define EXP(x) ck_exp1(x)
#define LOG(x) ck_log1(x)
#define TANH(x) ck_tanh1(x)
#define SQRT(x) sqrtf(x)
#define SIN(x) ck_sin1(x)
#define COS(x) ck_cos1(x)
#define ABS(x) fabsf(x)
#define LIBM(name) name##f
