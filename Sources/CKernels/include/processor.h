#pragma once

// What the processor can do, as far as the operating system saves the registers that it takes.

// Levels of vector instructions of x86-64; elsewhere everything is baseline.
enum {
  ck_level_baseline = 1,
  ck_level_avx = 2,
  ck_level_avx2 = 3,    // with FMA, F16C, BMI: x86-64-v3
  ck_level_avx512 = 4,  // F, CD, BW, DQ and VL: x86-64-v4
};
int ck_processor_level(void);

// Its name and its maker's, as it gives them, or "unknown".
const char *ck_processor_name(void);
const char *ck_processor_vendor(void);

// Its vector instructions, separated by spaces: "sse4.2 avx avx2 fma ...".
const char *ck_processor_features(void);

// Single-precision operations a cycle that the vector instructions can give at best: two fused
// multiply-adds on registers of the widest kind. Many processors with AVX-512 give half of it.
int ck_processor_operations_per_cycle(void);

// The clock in cycles a second that this thread runs at now, measured on a chain of dependent
// additions; half a millisecond.
double ck_processor_clock(void);

// Seconds of real time, and of processor time that this thread took, each since some moment.
double ck_seconds(void);
double ck_thread_seconds(void);

// The memory of the machine in bytes.
long ck_machine_memory(void);

// Which variant of the kernels is used: avx512, avx2, baseline, or plain C where there are none.
const char *ck_kernel_variant(void);
