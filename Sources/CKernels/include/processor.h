#pragma once

// The features of the processor, as far as the operating system saves the registers that they need.

// Levels of vector instructions of x86-64; elsewhere everything is baseline.
enum {
  ck_level_baseline = 1,
  ck_level_avx = 2,
  ck_level_avx2 = 3,    // with FMA, F16C, BMI: x86-64-v3
  ck_level_avx512 = 4,  // F, CD, BW, DQ and VL: x86-64-v4
};
int ck_processor_level(void);

// The names of the processor and of its maker, as the processor gives them, or "unknown".
const char *ck_processor_name(void);
const char *ck_processor_vendor(void);

// The vector instructions of the processor, separated by spaces: "sse4.2 avx avx2 fma ...".
const char *ck_processor_features(void);

// The most single-precision operations in a cycle that the vector instructions can give: two fused
// multiply-adds on registers of the widest kind. Many processors with AVX-512 give half of it.
int ck_processor_operations_per_cycle(void);

// The clock, in cycles per second, at which this thread runs now. It is measured on a chain of
// dependent additions, which takes half a millisecond.
double ck_processor_clock(void);

// Seconds of real time, and seconds of processor time that this thread took, both counted from some
// moment.
double ck_seconds(void);
double ck_thread_seconds(void);

// The memory of the machine in bytes.
long ck_machine_memory(void);

// Which variant of the kernels is used: avx512, avx2, baseline, or plain C where there are none.
const char *ck_kernel_variant(void);
