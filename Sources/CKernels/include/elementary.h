#pragma once

// Functions of one number, out[i] = f(a[i]), by libm or in one instruction; out may be a.
#define CK_ELEMENTARY(name)                                      \
  void ck_##name##_f32(const float *a, float *out, long n);      \
  void ck_##name##_f64(const double *a, double *out, long n);
CK_ELEMENTARY(reciprocal) CK_ELEMENTARY(sign) CK_ELEMENTARY(floor)
CK_ELEMENTARY(ceil) CK_ELEMENTARY(trunc) CK_ELEMENTARY(round)
CK_ELEMENTARY(tan) CK_ELEMENTARY(sinh) CK_ELEMENTARY(cosh)
CK_ELEMENTARY(asin) CK_ELEMENTARY(acos) CK_ELEMENTARY(atan)
CK_ELEMENTARY(asinh) CK_ELEMENTARY(acosh) CK_ELEMENTARY(atanh)
CK_ELEMENTARY(erf) CK_ELEMENTARY(log1p) CK_ELEMENTARY(expm1)
CK_ELEMENTARY(log2) CK_ELEMENTARY(log10) CK_ELEMENTARY(exp2)
