// The kernels' vocabulary in double precision.
#undef REAL
#undef K
#undef EXP
#undef LOG
#undef TANH
#undef SQRT
#undef SIN
#undef COS
#undef ABS
#define REAL double
#define K(name) ck_##name##_f64
#define EXP(x) exp(x)
#define LOG(x) log(x)
#define TANH(x) tanh(x)
#define SQRT(x) sqrt(x)
#define SIN(x) sin(x)
#define COS(x) cos(x)
#define ABS(x) fabs(x)
