#include "processor.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char name[64] = "unknown", vendor[16] = "unknown", features[256];
static int level = ck_level_baseline, operations_per_cycle = 8;

static void add(const char *feature) {
  size_t length = strlen(features);
  snprintf(features + length, sizeof features - length, "%s%s", length ? " " : "", feature);
}

#if defined(__x86_64__)
#include <cpuid.h>

struct registers {
  unsigned a, b, c, d;
};

static struct registers identify(unsigned leaf, unsigned part) {
  struct registers r = {0, 0, 0, 0};
  __get_cpuid_count(leaf, part, &r.a, &r.b, &r.c, &r.d);
  return r;
}

// The registers that the operating system saves when it changes threads.
static unsigned saved_state(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static void read_name(void) {
  struct registers r = identify(0, 0);
  memcpy(vendor, &r.b, 4);
  memcpy(vendor + 4, &r.d, 4);
  memcpy(vendor + 8, &r.c, 4);
  vendor[12] = 0;
  if (identify(0x80000000u, 0).a < 0x80000004u) return;
  char brand[49] = {0};
  for (unsigned i = 0; i < 3; i++) {
    r = identify(0x80000002u + i, 0);
    memcpy(brand + 16 * i, &r, 16);
  }
  const char *start = brand + strspn(brand, " ");
  size_t length = strlen(start);
  while (length > 0 && start[length - 1] == ' ') length--;
  if (length > 0) snprintf(name, sizeof name, "%.*s", (int)length, start);
}

__attribute__((constructor(101))) static void examine(void) {
  read_name();
  struct registers basic = identify(1, 0), more = identify(7, 0), extended = identify(0x80000001u, 0);
  unsigned saved = basic.c & bit_OSXSAVE ? saved_state() : 0;
  int wide = (saved & 0x06) == 0x06, widest = wide && (saved & 0xe0) == 0xe0;
  if (basic.c & bit_SSE4_2) add("sse4.2");
  int avx = wide && basic.c & bit_AVX, avx2 = avx && more.b & bit_AVX2, fma = avx && basic.c & bit_FMA;
  if (avx) add("avx");
  if (avx2) add("avx2");
  if (fma) add("fma");
  int v3 = avx2 && fma && basic.c & bit_F16C && basic.c & bit_MOVBE && more.b & bit_BMI &&
           more.b & bit_BMI2 && extended.c & bit_LZCNT;
  unsigned needed = bit_AVX512F | bit_AVX512CD | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  int v4 = v3 && widest && (more.b & needed) == needed;
  if (widest && more.b & bit_AVX512F) add("avx512f");
  if (v4) add("avx512cd avx512bw avx512dq avx512vl");
  if (v4 && more.c & bit_AVX512VNNI) add("avx512vnni");
  if (v4 && identify(7, 1).a & 1u << 5) add("avx512bf16");
  if ((saved & 0x60000) == 0x60000 && more.d & 1u << 24) add("amx");
  level = v4 ? ck_level_avx512 : v3 ? ck_level_avx2 : avx ? ck_level_avx : ck_level_baseline;
  operations_per_cycle = v4 ? 64 : v3 ? 32 : avx ? 16 : 8;
}
#elif defined(__aarch64__)
__attribute__((constructor(101))) static void examine(void) {
  add("neon");
  operations_per_cycle = 16;
}
#endif

int ck_processor_level(void) { return level; }
const char *ck_processor_name(void) { return name; }
const char *ck_processor_vendor(void) { return vendor; }
const char *ck_processor_features(void) { return features; }
int ck_processor_operations_per_cycle(void) { return operations_per_cycle; }

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
double ck_seconds(void) { return seconds(CLOCK_MONOTONIC); }
double ck_thread_seconds(void) { return seconds(CLOCK_THREAD_CPUTIME_ID); }

long ck_machine_memory(void) { return sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE); }

#if defined(__x86_64__)
#define ADD "add %0, %0\n"
#else
#define ADD "add %0, %0, %0\n"
#endif
#define EIGHT ADD ADD ADD ADD ADD ADD ADD ADD

double ck_processor_clock(void) {
  enum { rounds = 8, turns = 4000, additions = 16 };
  double best = 0;
  for (int round = 0; round < rounds; round++) {
    unsigned long sum = (unsigned long)round;
    double start = ck_thread_seconds();
    // Each addition waits one cycle for the one before it.
    for (int turn = 0; turn < turns; turn++) __asm__ volatile(EIGHT EIGHT : "+r"(sum));
    double rate = turns * additions / (ck_thread_seconds() - start);
    if (rate > best) best = rate;
  }
  return best;
}
