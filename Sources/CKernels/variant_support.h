#pragma once

// Whether kernels are compiled for several kinds of x86-64 processors.
#if defined(__x86_64__) && defined(__ELF__)
#define CK_HAS_VARIANTS 1
#else
#define CK_HAS_VARIANTS 0
#endif
