#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "variant_support.h"

// A kernel. Where variants.h compiles it for several processors, dispatch.c picks one, and only that
// is seen from outside.
#if CK_HAS_VARIANTS
#define CK_KERNEL __attribute__((visibility("hidden")))
#else
#define CK_KERNEL
#endif

#define CK_INLINE static inline __attribute__((always_inline))

// Sums may be taken in any order, so that they vectorise; the order is fixed at compile time.
#define CK_ANY_ORDER _Pragma("clang fp reassociate(on) contract(fast)")

// Single-precision functions that vectorise (polynomials after S. L. Moshier's Cephes library;
// relative error below 2 units in the last place). Double precision uses libm.

CK_INLINE float ck_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
CK_INLINE uint32_t ck_raw(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

// e^x = 2^k e^r, k = round(x / ln 2), |r| <= ln 2 / 2; results below 2^-126 become 0, and e^89 is
// beyond the largest float.
CK_INLINE float ck_exp1(float x) {
  float clamped = x < -87.33654f ? -87.33654f : x;
  clamped = clamped > 89.0f ? 89.0f : clamped;
  // Adding 1.5 * 2^23 leaves the rounded integer in the low bits.
  float shifted = clamped * 1.44269504088896341f + 12582912.0f;
  float k = shifted - 12582912.0f;
  float r = clamped - k * 0.693359375f + k * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // Half of the exponent twice, since 2^128 is not a float.
  int32_t whole = (int32_t)ck_raw(shifted) - 0x4b400000;
  int32_t half = whole >> 1;
  float result = p * ck_bits((uint32_t)(half + 127) << 23) *
                 ck_bits((uint32_t)(whole - half + 127) << 23);
  return x < -87.33654f ? 0.0f : result;
}

// log x = e log 2 + log m, m in [sqrt(1/2), sqrt(2)).
CK_INLINE float ck_log1(float x) {
  uint32_t bits = ck_raw(x < 1.17549435e-38f ? 1.17549435e-38f : x);
  int32_t exponent = (int32_t)(bits >> 23) - 126;
  float m = ck_bits((bits & 0x007fffffu) | 0x3f000000u);
  int low = m < 0.707106781186547524f;
  exponent -= low;
  m = low ? m + m - 1.0f : m - 1.0f;
  float z = m * m, e = (float)exponent;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  float result = m + (p * m * z - 2.12194440e-4f * e - 0.5f * z) + 0.693359375f * e;
  result = x == INFINITY ? INFINITY : result;
  result = x < 1.17549435e-38f ? -INFINITY : result;
  return x < 0.0f || x != x ? NAN : result;
}

// Odd polynomial near 0, else sign(x) (1 - 2 / (e^2|x| + 1)).
CK_INLINE float ck_tanh1(float x) {
  float a = x < 0.0f ? -x : x, z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float near = p * z * x + x;
  float far = 1.0f - 2.0f / (ck_exp1(a + a) + 1.0f);
  return a < 0.625f ? near : (x < 0.0f ? -far : far);
}

// Up to this size ck_sin1 and ck_cos1 hold.
#define CK_FEW_TURNS 1e5f

// sin(x + quarter pi / 2), by Taylor's polynomials of r = x - k pi / 2, |r| <= pi / 4. In double
// precision, so that an r near 0 keeps its digits; pi / 2 is in two parts, of which k times the first
// is exact.
CK_INLINE float ck_sin_of_quarters(float x, int32_t quarter) {
  double shifted = x * 0.63661977236758134 + 6755399441055744.0;
  double k = shifted - 6755399441055744.0;
  double r = x - k * 1.5707963267341256 - k * 6.0771005065061922e-11, z = r * r;
  double sine = r * (1 + z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880)))));
  double cosine = 1 + z * (-1.0 / 2 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320
                  - z * (1.0 / 3628800)))));
  int32_t turn = (int32_t)k + quarter;
  double value = turn & 1 ? cosine : sine;
  return (float)(turn & 2 ? -value : value);
}
CK_INLINE float ck_sin1(float x) { return ck_sin_of_quarters(x, 0); }
CK_INLINE float ck_cos1(float x) { return ck_sin_of_quarters(x, 1); }
