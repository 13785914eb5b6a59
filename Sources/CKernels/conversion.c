#include "CKernels.h"
#include "dialect.h"

CK_KERNEL void ck_f32_to_f64(const float *a, double *out, long n) {
  for (long i = 0; i < n; i++) out[i] = a[i];
}

CK_KERNEL void ck_f64_to_f32(const double *a, float *out, long n) {
  for (long i = 0; i < n; i++) out[i] = (float)a[i];
}

// out = scale * a: bytes become numbers in [0, 1] with scale 1/255.
CK_KERNEL void ck_u8_to_f32(const unsigned char *a, float scale, float *out, long n) {
  for (long i = 0; i < n; i++) out[i] = scale * (float)a[i];
}
