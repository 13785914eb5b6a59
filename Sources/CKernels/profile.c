#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // clock_gettime
#endif
#include "profile.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { kinds = 256, outside = -1 };

bool ck_profile_flag = false;

// A hash table by the address of the name; [0] forward, [1] backward.
static struct {
  _Atomic(const char *) name;
  atomic_long calls[2], nanoseconds[2], operations[2];
} table[kinds];

static _Thread_local struct {
  long kind, mark;
  bool backward;
} now = {outside, 0, false};

static long clock_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

// Charges the time since the last change of kind to the kind that ran.
static void charge(void) {
  long time = clock_now();
  if (now.kind != outside)
    atomic_fetch_add_explicit(&table[now.kind].nanoseconds[now.backward], time - now.mark,
                              memory_order_relaxed);
  now.mark = time;
}

static long kind_of(const char *name) {
  long kind = (long)(((uintptr_t)name * 0x9e3779b97f4a7c15u) >> 56);
  for (long tries = 0; tries < kinds; tries++, kind = (kind + 1) % kinds) {
    const char *found = NULL;
    if (atomic_compare_exchange_strong(&table[kind].name, &found, name) || found == name)
      return kind;
  }
  return outside;
}

void ck_profile_start(void) {
  for (long kind = 0; kind < kinds; kind++)
    for (int b = 0; b < 2; b++) {
      atomic_store(&table[kind].calls[b], 0);
      atomic_store(&table[kind].nanoseconds[b], 0);
      atomic_store(&table[kind].operations[b], 0);
    }
  __atomic_store_n(&ck_profile_flag, true, __ATOMIC_RELAXED);
}

void ck_profile_stop(void) { __atomic_store_n(&ck_profile_flag, false, __ATOMIC_RELAXED); }

long ck_profile_enter(const char *name) {
  charge();
  long former = now.kind;
  now.kind = kind_of(name);
  if (now.kind != outside)
    atomic_fetch_add_explicit(&table[now.kind].calls[now.backward], 1, memory_order_relaxed);
  return former;
}

void ck_profile_leave(long former) {
  charge();
  now.kind = former;
}

bool ck_profile_set_backward(bool backward) {
  charge();
  bool former = now.backward;
  now.backward = backward;
  return former;
}

void ck_profile_add_operations(long operations) {
  if (now.kind != outside)
    atomic_fetch_add_explicit(&table[now.kind].operations[now.backward], operations,
                              memory_order_relaxed);
}

bool ck_profile_row(long index, const char **name, bool *backward, long *calls, long *nanoseconds,
                    long *operations) {
  for (long kind = 0; kind < kinds; kind++)
    for (int b = 0; b < 2; b++) {
      if (!atomic_load(&table[kind].name) || !atomic_load(&table[kind].calls[b])) continue;
      if (index-- > 0) continue;
      *name = atomic_load(&table[kind].name);
      *backward = b == 1;
      *calls = atomic_load(&table[kind].calls[b]);
      *nanoseconds = atomic_load(&table[kind].nanoseconds[b]);
      *operations = atomic_load(&table[kind].operations[b]);
      return true;
    }
  return false;
}
