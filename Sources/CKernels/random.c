#include "CKernels.h"
#include "philox.h"

// keep = 1 where philox_dropout keeps an element, else 0.
CK_KERNEL void ck_philox_keep(unsigned char *keep, double rate, long samples, long count,
                              uint64_t first_sample, uint64_t key, uint32_t draw) {
  uint32_t words[4][ck_philox_blocks], threshold = (uint32_t)(rate * 65536 + 0.5);
  unsigned char group[128];
  for (long s = 0; s < samples; s++)
    for (long e = 0; e < count; e += 128) {
      ck_philox((uint32_t)(e / 8), first_sample + (uint64_t)s, draw, key, words);
      for (int w = 0; w < 4; w++)
        for (int j = 0; j < 16; j++) {
          group[32 * w + j] = (words[w][j] & 0xffff) >= threshold;
          group[32 * w + 16 + j] = (words[w][j] >> 16) >= threshold;
        }
      memcpy(keep + s * count + e, group, (size_t)(count - e < 128 ? count - e : 128));
    }
}

#include "single.h"
#include "random.inc"

#include "double.h"
#include "random.inc"
