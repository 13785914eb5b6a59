#pragma once
#include <hdf5.h>

// What the library defines as macros with casts or calls, which Swift cannot see.
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_bytes(void) { return H5T_NATIVE_UINT8; }
// Whether a name in a file is that of an object of the same file, and not a link to another.
static inline int chdf5_is_own(hid_t file, const char *name) {
  H5L_info_t info;
  return H5Lget_info(file, name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}
// Whether the elements of a dataset are in its own file: not in files that it names, which the library would open.
static inline int chdf5_holds_elements(hid_t dataset) {
  hid_t properties = H5Dget_create_plist(dataset);
  int holds = properties >= 0 && H5Pget_external_count(properties) == 0 &&
              H5Pget_layout(properties) != H5D_VIRTUAL;
  if (properties >= 0) H5Pclose(properties);
  return holds;
}
// Errors are reported by the caller; the library must not print them too, which it keeps for each thread.
static inline void chdf5_silence(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }
// Of each thread the library keeps the errors of its last call. At the end of the process it tries to free what
// they refer to, and those of other threads make it complain of an infinite loop.
static inline void chdf5_forget_errors(void) { H5Eclear2(H5E_DEFAULT); }
