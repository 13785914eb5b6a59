#include <stdint.h>
#include <string.h>

#include "CImageCodecs.h"

// On glibc x86-64 each kernel exists for AVX-512, AVX2 and the baseline, and the loader picks one;
// the thread sanitizer cannot load such functions.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
#if !__has_feature(thread_sanitizer)
#define CI_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#endif
#ifndef CI_KERNEL
#define CI_KERNEL
#endif

// Weights have 22 fractional bits; sums wrap like the 32-bit integers that they are.
enum { FRACTION = 22, HALF = 1 << (FRACTION - 1) };

typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef int32_t ints8 __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) uint8_t clipped(int32_t sum) {
  int32_t value = sum >> FRACTION;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

// A row of pixels times the weights of each output pixel. `weights` holds every weight three times,
// once for each channel, and zeros up to a multiple of 24, so that lane j of the three vectors
// belongs to channel j mod 3.
CI_KERNEL void ci_resample_row(const unsigned char *restrict row, unsigned char *restrict out,
                               long out_width, const int *restrict starts,
                               const int *restrict weights, long stride) {
  for (long x = 0; x < out_width; x++) {
    const unsigned char *source = row + 3 * (long)starts[x];
    const int *weight = weights + x * stride;
    ints8 a = {0}, b = {0}, c = {0};
    for (long k = 0; k < stride; k += 24) {
      bytes8 p, q, r;
      ints8 u, v, w;
      memcpy(&p, source + k, 8);
      memcpy(&q, source + k + 8, 8);
      memcpy(&r, source + k + 16, 8);
      memcpy(&u, weight + k, 32);
      memcpy(&v, weight + k + 8, 32);
      memcpy(&w, weight + k + 16, 32);
      a += __builtin_convertvector(p, ints8) * u;
      b += __builtin_convertvector(q, ints8) * v;
      c += __builtin_convertvector(r, ints8) * w;
    }
    out[3 * x] = clipped(HALF + a[0] + a[3] + a[6] + b[1] + b[4] + b[7] + c[2] + c[5]);
    out[3 * x + 1] = clipped(HALF + a[1] + a[4] + a[7] + b[2] + b[5] + c[0] + c[3] + c[6]);
    out[3 * x + 2] = clipped(HALF + a[2] + a[5] + b[0] + b[3] + b[6] + c[1] + c[4] + c[7]);
  }
}

// One output row: `count` rows of `width` bytes, each times its weight. Columns go in blocks that
// stay in registers.
CI_KERNEL void ci_resample_column(const unsigned char *restrict rows, long width,
                                  unsigned char *restrict out, const int *restrict weights,
                                  long count) {
  enum { BLOCK = 64 };
  for (long first = 0; first < width; first += BLOCK) {
    long n = width - first < BLOCK ? width - first : BLOCK;
    int32_t sums[BLOCK];
    for (long j = 0; j < BLOCK; j++) sums[j] = HALF;
    for (long k = 0; k < count; k++) {
      const unsigned char *source = rows + k * width + first;
      int32_t weight = weights[k];
      if (n == BLOCK) {
        for (long j = 0; j < BLOCK; j++) sums[j] += weight * source[j];
      } else {
        for (long j = 0; j < n; j++) sums[j] += weight * source[j];
      }
    }
    for (long j = 0; j < n; j++) out[first + j] = clipped(sums[j]);
  }
}
