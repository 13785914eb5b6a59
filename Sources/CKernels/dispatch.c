#include "CKernels.h"
#include "processor.h"
#include "variant_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A kernel's name is a jump through a pointer, which starts at the variant that runs everywhere and
// is set once, before `main`. That costs what a call into a shared library costs, and unlike the
// loader's own choice between variants it can be overridden, and works under every sanitizer.

static const char *variant = "plain C";
const char *ck_kernel_variant(void) { return variant; }

#if CK_HAS_VARIANTS
#include "kernel_list.h"

#define ENTRY(name)                                                                             \
  extern __typeof__(name) name##_baseline, name##_avx2, name##_avx512;                          \
  __attribute__((visibility("hidden"))) __typeof__(name) *name##_chosen = name##_baseline;      \
  __asm__(".pushsection .text\n.p2align 4\n.globl " #name "\n.type " #name ", @function\n"      \
          #name ": jmp *" #name "_chosen(%rip)\n.size " #name ", .-" #name "\n.popsection");
CK_EACH_KERNEL(ENTRY)

static void use_avx512(void) {
#define USE(name) name##_chosen = name##_avx512;
  CK_EACH_KERNEL(USE)
#undef USE
}

static void use_avx2(void) {
#define USE(name) name##_chosen = name##_avx2;
  CK_EACH_KERNEL(USE)
#undef USE
}

static void use_baseline(void) {}

__attribute__((constructor)) static void choose(void) {
  static const struct {
    const char *name;
    int level;
    void (*use)(void);
  } variants[] = {{"avx512", ck_level_avx512, use_avx512},
                  {"avx2", ck_level_avx2, use_avx2},
                  {"baseline", ck_level_baseline, use_baseline}};
  enum { count = sizeof variants / sizeof *variants };
  const char *wanted = getenv("IMPLICIT_LAYERS_KERNELS");
  int level = ck_processor_level();
  for (int i = 0; i < count; i++) {
    if (wanted && *wanted ? strcmp(wanted, variants[i].name) != 0 : level < variants[i].level)
      continue;
    if (level < variants[i].level) {
      fprintf(stderr, "IMPLICIT_LAYERS_KERNELS is %s, which this processor (%s) cannot run; leave "
              "the variable out, or set it to %s\n",
              wanted, ck_processor_name(), level >= ck_level_avx2 ? "avx2" : "baseline");
      exit(2);
    }
    variants[i].use();
    variant = variants[i].name;
    return;
  }
  fprintf(stderr, "IMPLICIT_LAYERS_KERNELS is %s, but kernels exist for avx512, avx2 and baseline; "
          "without the variable the best that the processor can run are used\n",
          wanted);
  exit(2);
}
#endif
