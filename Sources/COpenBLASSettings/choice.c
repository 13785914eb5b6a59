#include "COpenBLASSettings.h"
#include "processor.h"

#include <cblas.h>
#include <lapacke.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

// OpenBLAS builds for several processors choose their kernels when they are loaded, by the
// processor's model; one that is newer than the build gets those of 2004. They read
// OPENBLAS_CORETYPE, and can be made to choose again. Other builds, and other processors than
// x86-64, have nothing to choose: the weak symbols are null then.
#if defined(__x86_64__) && defined(__ELF__)
extern void gotoblas_dynamic_quit(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));
#else
static void (*const gotoblas_dynamic_quit)(void) = NULL, (*const gotoblas_dynamic_init)(void) = NULL;
#endif

static const char variable[] = "OPENBLAS_CORETYPE";

// The vector instructions that a set of kernels uses, or 0 for one that is not known: that is newer
// than this list, and left alone.
static int level_of(const char *core) {
  static const struct {
    const char *name;
    int level;
  } cores[] = {
      {"Prescott", ck_level_baseline},   {"Core2", ck_level_baseline},
      {"Penryn", ck_level_baseline},     {"Dunnington", ck_level_baseline},
      {"Atom", ck_level_baseline},       {"Nano", ck_level_baseline},
      {"Nehalem", ck_level_baseline},    {"Opteron", ck_level_baseline},
      {"Opteron_SSE3", ck_level_baseline}, {"Barcelona", ck_level_baseline},
      {"Bobcat", ck_level_baseline},     {"Sandybridge", ck_level_avx},
      {"Bulldozer", ck_level_avx},       {"Piledriver", ck_level_avx},
      {"Steamroller", ck_level_avx},     {"Excavator", ck_level_avx2},
      {"Haswell", ck_level_avx2},        {"Zen", ck_level_avx2},
      {"SkylakeX", ck_level_avx512},     {"Cooperlake", ck_level_avx512},
      {"SapphireRapids", ck_level_avx512},
  };
  for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
    if (strcasecmp(core, cores[i].name) == 0) return cores[i].level;
  return 0;
}

// Whether kernels are the slower ones of their level: those for Cooperlake give 128 Gflop/s a core on
// Intel's processors, and those for SkylakeX 143. On AMD's they are equally fast.
static int is_slower_of_level(const char *core, const char *vendor) {
  return strcasecmp(core, "Cooperlake") == 0 && strcmp(vendor, "GenuineIntel") == 0;
}

// The kernels to use with vector instructions of a level.
static const char *core_of(int level, const char *vendor) {
  int zen = strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0;
  switch (level) {
    case ck_level_avx512: return "SkylakeX";
    case ck_level_avx2: return zen ? "Zen" : "Haswell";
    case ck_level_avx: return "Sandybridge";
    default: return NULL;
  }
}

// OpenBLAS chooses again, as if OPENBLAS_CORETYPE had been `core` (null: unset) when it was loaded.
// The variable is not left behind: child processes choose for themselves.
static void choose_again(const struct cos_library *library, const char *core) {
  if (core) setenv(variable, core, 1);
  library->quit();
  library->init();
  if (core) unsetenv(variable);
}

void cos_begin(const struct cos_library *library) {
  enum { n = 104 };  // beyond the 10^6 multiplications that are done in place, without memory
  float *zeros = calloc(3 * n * n, sizeof *zeros);
  if (!zeros) return;
  struct cos_product product = {.m = n, .n = n, .k = n, .a_stride = n, .b_stride = n, .c_stride = n};
  library->sgemm(product, zeros, zeros + n * n, zeros + 2 * n * n);
  free(zeros);
}

static double milliseconds_since(struct timespec start) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e3 * (double)(now.tv_sec - start.tv_sec) + 1e-6 * (double)(now.tv_nsec - start.tv_nsec);
}

struct cos_choice cos_choose(const struct cos_library *library, int level, const char *vendor) {
  struct timespec start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  struct cos_choice choice = {.reason = cos_kept};
  snprintf(choice.own, sizeof choice.own, "%s", library->core_name());
  int own = level_of(choice.own);
  const char *by_user = getenv(variable);
  if (by_user && *by_user) choice.reason = cos_chosen_by_user;
  else if (own > 0 && core_of(level, vendor) &&
           (own < level || is_slower_of_level(choice.own, vendor))) {
    choice.reason = cos_not_changeable;
    if (library->quit && library->init) cos_begin(library);
    // The best first; a build may have been made without some.
    int least = own < level ? own + 1 : level;
    for (int tried = level; library->quit && library->init && tried >= least; tried--) {
      const char *core = core_of(tried, vendor);
      choose_again(library, core);
      if (strcasecmp(library->core_name(), core) != 0) continue;
      choice.reason = cos_products_are_right(library) ? cos_replaced : cos_check_failed;
      break;
    }
    if (choice.reason != cos_replaced && library->quit && library->init)
      choose_again(library, NULL);
  }
  snprintf(choice.used, sizeof choice.used, "%s", library->core_name());
  choice.milliseconds = milliseconds_since(start);
  return choice;
}

static const char *core_name(void) { return openblas_get_corename(); }

static enum CBLAS_TRANSPOSE transposition(int transposed) {
  return transposed ? CblasTrans : CblasNoTrans;
}

static void sgemm(struct cos_product p, const float *a, const float *b, float *c) {
  cblas_sgemm(CblasRowMajor, transposition(p.a_transposed), transposition(p.b_transposed), p.m, p.n,
              p.k, (float)p.scale, a, p.a_stride, b, p.b_stride, (float)p.keep, c, p.c_stride);
}

static void dgemm(struct cos_product p, const double *a, const double *b, double *c) {
  cblas_dgemm(CblasRowMajor, transposition(p.a_transposed), transposition(p.b_transposed), p.m, p.n,
              p.k, p.scale, a, p.a_stride, b, p.b_stride, p.keep, c, p.c_stride);
}

static int dgetrf(int n, double *matrix, int *pivots) {
  return LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, n, n, matrix, n, pivots);
}

struct cos_library cos_linked_library(void) {
  return (struct cos_library){
      core_name, gotoblas_dynamic_quit, gotoblas_dynamic_init, sgemm, dgemm, dgetrf};
}

static struct cos_choice chosen;
struct cos_choice cos_chosen(void) { return chosen; }

// Whether a limit on address space leaves room for the buffer of a product: OpenBLAS asks for it again
// and again where it does not. Such a process is told so at its first product; nothing is chosen here.
static int has_room(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 1;
  size_t needed = 2UL * (130 << 20);
  void *room = mmap(NULL, needed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return 0;
  munmap(room, needed);
  return 1;
}

// Before `main` no other thread can be inside OpenBLAS: while it chooses again, it has no kernels.
__attribute__((constructor(201))) static void settle(void) {
  openblas_set_num_threads(1);
  struct cos_library library = cos_linked_library();
  if (!has_room()) library.quit = library.init = NULL;
  chosen = cos_choose(&library, ck_processor_level(), ck_processor_vendor());
}
