#pragma once
#include <stdbool.h>

// Where time goes, by kind of operator, and how many floating-point operations are done. Times are
// exclusive: while a kind runs inside another, the outer one's clock stands still.

extern bool ck_profile_flag;
static inline bool ck_profile_is_on(void) {
  return __atomic_load_n(&ck_profile_flag, __ATOMIC_RELAXED);
}

// Forgets earlier counts and starts to count in all threads; stops counting.
void ck_profile_start(void);
void ck_profile_stop(void);

// From here on this thread's time belongs to the kind with this name (a literal: kinds are told
// apart by address). The result is what to hand back to ck_profile_leave.
long ck_profile_enter(const char *name);
void ck_profile_leave(long former);

// Whether this thread runs a backward pass, which is counted apart; the result is the former
// setting.
bool ck_profile_set_backward(bool backward);

// Adds floating-point operations to the kind that this thread runs.
void ck_profile_add_operations(long operations);

// Row `index` of the counts, or false if there is none.
bool ck_profile_row(long index, const char **name, bool *backward, long *calls, long *nanoseconds,
                    long *operations);
