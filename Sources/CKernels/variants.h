// Defines the kernels of the file CK_THEME once for every kind of processor, under names with the
// kind at their end: ck_exp_f32_avx512. dispatch.c defines ck_exp_f32. Where there are no variants,
// the kernels are plain C and have their names at once.

#if CK_HAS_VARIANTS
// The features of x86-64-v3 and -v4. Named as an architecture, they would bring that architecture's
// preference for registers of 256 bits.
#define CK_AVX2 "avx2,fma,f16c,bmi,bmi2,lzcnt,movbe,popcnt"
#define CK_AVX512 CK_AVX2 ",avx512f,avx512cd,avx512bw,avx512dq,avx512vl"

#define CK_NAME(name) name##_avx512
#pragma clang attribute push(__attribute__((target(CK_AVX512))), apply_to = function)
#include "precisions.h"
#pragma clang attribute pop

#undef CK_NAME
#define CK_NAME(name) name##_avx2
#pragma clang attribute push(__attribute__((target(CK_AVX2))), apply_to = function)
#include "precisions.h"
#pragma clang attribute pop

#undef CK_NAME
#define CK_NAME(name) name##_baseline
#include "precisions.h"
#else
#define CK_NAME(name) name
#include "precisions.h"
#endif
