#pragma once
#include "dialect.h"

// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// 2011) on sixteen counters at once: block first + j has the counter
// (first + j, low half of sample, high half of sample, draw).
enum { ck_philox_blocks = 16 };

CK_INLINE void ck_philox(uint32_t first, uint64_t sample, uint32_t draw, uint64_t key,
                         uint32_t words[4][ck_philox_blocks]) {
  uint32_t c0[ck_philox_blocks], c1[ck_philox_blocks], c2[ck_philox_blocks], c3[ck_philox_blocks];
  for (int j = 0; j < ck_philox_blocks; j++) {
    c0[j] = first + (uint32_t)j;
    c1[j] = (uint32_t)sample;
    c2[j] = (uint32_t)(sample >> 32);
    c3[j] = draw;
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    for (int j = 0; j < ck_philox_blocks; j++) {
      uint64_t p = (uint64_t)0xd2511f53u * c0[j], q = (uint64_t)0xcd9e8d57u * c2[j];
      uint32_t high = (uint32_t)(q >> 32) ^ c1[j] ^ k0, other = (uint32_t)(p >> 32) ^ c3[j] ^ k1;
      c0[j] = high;
      c1[j] = (uint32_t)q;
      c2[j] = other;
      c3[j] = (uint32_t)p;
    }
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  for (int j = 0; j < ck_philox_blocks; j++) {
    words[0][j] = c0[j];
    words[1][j] = c1[j];
    words[2][j] = c2[j];
    words[3][j] = c3[j];
  }
}

// The upper 23 bits of a word, and a half, as a number in (0, 1), exact in both precisions: with one
// bit more, the sum would round in single precision, and the largest number would become 1.
#define CK_UNIT(word) (((REAL)((word) >> 9) + (REAL)0.5) * (REAL)1.1920928955078125e-7)
