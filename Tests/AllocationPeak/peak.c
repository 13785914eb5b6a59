#include "AllocationPeak.h"

#include <stdatomic.h>
#include <stddef.h>

// Of the sanitizers' runtime libraries; null where there is none.
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(
    void (*malloc_hook)(const volatile void *, size_t), void (*free_hook)(const volatile void *));
__attribute__((weak)) size_t __sanitizer_get_allocated_size(const volatile void *block);

static atomic_long used, peak;

static void allocated(const volatile void *block, size_t size) {
  (void)block;
  long now = atomic_fetch_add(&used, (long)size) + (long)size;
  long most = atomic_load(&peak);
  while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) continue;
}

static void released(const volatile void *block) {
  if (block) atomic_fetch_sub(&used, (long)__sanitizer_get_allocated_size(block));
}

int ap_begin(void) {
  static atomic_int state;  // 0 at first, 1 with hooks, -1 without
  if (atomic_load(&state) == 0)
    atomic_store(&state, __sanitizer_install_malloc_and_free_hooks &&
                                 __sanitizer_install_malloc_and_free_hooks(allocated, released)
                             ? 1
                             : -1);
  atomic_store(&used, 0);
  atomic_store(&peak, 0);
  return atomic_load(&state) == 1;
}

long ap_peak(void) { return atomic_load(&peak); }
