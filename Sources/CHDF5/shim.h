#pragma once
#include <hdf5.h>

// What the library defines as macros with casts or calls, which Swift cannot see.
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_bytes(void) { return H5T_NATIVE_UINT8; }
// Errors are reported by the caller; the library must not print them too, which it keeps for each thread.
static inline void chdf5_silence(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }
// Of each thread the library keeps the errors of its last call. At the end of the process it tries to free what
// they refer to, and those of other threads make it complain of an infinite loop.
static inline void chdf5_forget_errors(void) { H5Eclear2(H5E_DEFAULT); }
