#include "runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

// Buffers are pooled in size classes, eight to each power of two (at most 12.5% is wasted), as
// intrusive lists. A training step asks for the same sizes again and again; fresh large blocks
// would cost a page fault for every 4 KiB each time.

enum { alignment = 64, class_count = 8 * 48 };

struct waiting {
  struct waiting *next;
};

// The pool, and the counters of bytes, are changed under one lock: counters that count by themselves would
// cost a tiny tensor more than its kernel. They are atomic so that they can be read at any time.
static struct waiting *pool[class_count];
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long live_bytes, pooled_bytes, peak_bytes, live_nodes, sequence;

// Adds to a counter of which this thread holds the lock; the result is the sum.
static long add(atomic_long *counter, long bytes) {
  long sum = atomic_load_explicit(counter, memory_order_relaxed) + bytes;
  atomic_store_explicit(counter, sum, memory_order_relaxed);
  return sum;
}

// Counts a buffer that is in use from here on.
static void count_live(long bytes) {
  long live = add(&live_bytes, bytes);
  if (live > atomic_load_explicit(&peak_bytes, memory_order_relaxed))
    atomic_store_explicit(&peak_bytes, live, memory_order_relaxed);
}

// The class of a request and, through `rounded`, the size of that class's buffers.
static int size_class(long bytes, long *rounded) {
  if (bytes < 64) bytes = 64;
  int power = 63 - __builtin_clzl((unsigned long)(bytes - 1));  // 2^power < bytes or bytes == 64
  long step = 1L << (power > 9 ? power - 3 : 6);
  *rounded = (bytes + step - 1) & -step;  // step is a power of two
  if (power <= 9) return (int)(*rounded / 64);  // 64, 128, ... 1024
  return 8 * (power - 8) + (int)((*rounded - (1L << power)) / step);
}

// This does not call abort: one line says all, and standard error may be closed.
static _Noreturn void stop(const char *line) {
  (void)!write(STDERR_FILENO, line, strlen(line));
  _exit(EXIT_FAILURE);
}

// Gives the buffers of the pool back to the system. This thread holds the lock.
static void drain(void) {
  for (int class = 0; class < class_count; class++) {
    struct waiting *buffer = pool[class];
    pool[class] = NULL;
    while (buffer) {
      struct waiting *next = buffer->next;
      free(buffer);
      buffer = next;
    }
  }
  atomic_store_explicit(&pooled_bytes, 0, memory_order_relaxed);
}

void *ck_allocate(long bytes) {
  long rounded;
  int class = size_class(bytes, &rounded);
  pthread_mutex_lock(&pool_lock);
  struct waiting *buffer = pool[class];
  if (buffer) {
    pool[class] = buffer->next;
    add(&pooled_bytes, -rounded);
    count_live(bytes);
  }
  pthread_mutex_unlock(&pool_lock);
  if (buffer) return buffer;
  if (posix_memalign((void **)&buffer, alignment, (size_t)rounded) != 0) {
    // Under the lock, so that no other thread fills the pool again before the second attempt.
    pthread_mutex_lock(&pool_lock);
    drain();
    bool is_full = posix_memalign((void **)&buffer, alignment, (size_t)rounded) != 0;
    pthread_mutex_unlock(&pool_lock);
    if (is_full) {
      char line[200];
      snprintf(line, sizeof line,
               "out of memory: a tensor of %ld bytes could not be allocated while %ld bytes were "
               "live; use a smaller batch or image size\n",
               bytes, ck_live_bytes());
      stop(line);
    }
  }
  pthread_mutex_lock(&pool_lock);
  count_live(bytes);
  pthread_mutex_unlock(&pool_lock);
  return buffer;
}

void ck_release(void *memory, long bytes) {
  long rounded;
  int class = size_class(bytes, &rounded);
  struct waiting *buffer = memory;
  pthread_mutex_lock(&pool_lock);
  buffer->next = pool[class];
  pool[class] = buffer;
  add(&pooled_bytes, rounded);
  add(&live_bytes, -bytes);
  pthread_mutex_unlock(&pool_lock);
}

static _Thread_local bool has_multiplied = false;

void ck_expect_product_memory(long threads) {
  // A buffer for a thread and one for a thread of OpenBLAS, with what the system's allocator wants
  // around them.
  static const size_t buffer = 2L * (130 << 20);
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static long served = 0;
  if (has_multiplied) return;
  has_multiplied = true;
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  pthread_mutex_lock(&lock);
  size_t needed = buffer * (size_t)(threads > served + 1 ? threads - served : 1);
  served++;
  void *room = mmap(NULL, needed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    char line[200];
    snprintf(line, sizeof line,
             "out of memory: matrix products of %ld threads take %zu bytes of address space, more "
             "than its limit (ulimit -v) leaves; raise it, or use fewer threads\n",
             threads, buffer * (size_t)threads);
    stop(line);
  }
  munmap(room, needed);
  pthread_mutex_unlock(&lock);
}

void ck_drain_pool(void) {
  pthread_mutex_lock(&pool_lock);
  drain();
  pthread_mutex_unlock(&pool_lock);
}

long ck_live_bytes(void) { return atomic_load_explicit(&live_bytes, memory_order_relaxed); }
long ck_pooled_bytes(void) { return atomic_load_explicit(&pooled_bytes, memory_order_relaxed); }
long ck_peak_bytes(void) { return atomic_load_explicit(&peak_bytes, memory_order_relaxed); }
void ck_reset_peak_bytes(void) {
  pthread_mutex_lock(&pool_lock);
  atomic_store_explicit(&peak_bytes, ck_live_bytes(), memory_order_relaxed);
  pthread_mutex_unlock(&pool_lock);
}

static _Thread_local bool recording = true;
bool ck_is_recording(void) { return recording; }
void ck_set_recording(bool value) { recording = value; }

static _Thread_local const void *sharding = NULL;
const void *ck_sharding(void) { return sharding; }
void ck_set_sharding(const void *value) { sharding = value; }

void ck_yield(void) { sched_yield(); }

long ck_node_created(void) {
  atomic_fetch_add_explicit(&live_nodes, 1, memory_order_relaxed);
  return atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed);
}
void ck_node_destroyed(void) { atomic_fetch_sub_explicit(&live_nodes, 1, memory_order_relaxed); }
long ck_live_nodes(void) { return atomic_load_explicit(&live_nodes, memory_order_relaxed); }
