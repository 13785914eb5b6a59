#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // sched_getaffinity
#endif
#include "workers.h"
#include "runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

// Between two pieces of work a thread spins for a tenth of a millisecond, then gives way to whatever
// else wants to run for about one more, and only then parks: a training step hands out work every
// few milliseconds at most, and a parked thread is slow to wake, above all on a virtual machine.

enum { spins = 4000, yields = 2000, most_threads = 256 };

static struct {
  pthread_mutex_t use;   // held by the thread whose parts are running
  pthread_mutex_t lock;  // guards the conditions
  pthread_cond_t begun, ended;
  atomic_long generation;  // counts pieces of work
  atomic_long next, open;  // the next part to take, the parts that have not ended
  atomic_long seats;       // how many more threads may join
  atomic_long inside;      // threads that may still read the work
  long parts, started;
  bool recording;
  void (*body)(void *, long);
  void *context;
} pool = {.use = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .begun = PTHREAD_COND_INITIALIZER,
          .ended = PTHREAD_COND_INITIALIZER};

static _Thread_local bool running_a_part = false;

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Returns when `value` is no longer `old`, or when it is time to park.
static void await_change(atomic_long *value, long old) {
  for (int i = 0; i < spins && atomic_load(value) == old; i++) pause_briefly();
  for (int i = 0; i < yields && atomic_load(value) == old; i++) sched_yield();
}

static void take_parts(void) {
  running_a_part = true;
  long part;
  while ((part = atomic_fetch_add(&pool.next, 1)) < pool.parts) {
    pool.body(pool.context, part);
    atomic_fetch_sub(&pool.open, 1);
  }
  running_a_part = false;
}

static void *serve(void *unused) {
  (void)unused;
  long seen = 0;
  for (;;) {
    await_change(&pool.generation, seen);
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&pool.begun, &pool.lock);
    seen = atomic_load(&pool.generation);
    bool joins = atomic_load(&pool.open) > 0 && atomic_load(&pool.seats) > 0;
    if (joins) {
      atomic_fetch_sub(&pool.seats, 1);
      atomic_fetch_add(&pool.inside, 1);
    }
    pthread_mutex_unlock(&pool.lock);
    if (!joins) continue;

    ck_set_recording(pool.recording);
    take_parts();
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_sub(&pool.inside, 1);
    pthread_cond_signal(&pool.ended);
    pthread_mutex_unlock(&pool.lock);
  }
  return NULL;
}

void ck_run_parts(long parts, long threads, void (*body)(void *context, long part), void *context) {
  if (parts <= 1 || threads <= 1 || running_a_part || pthread_mutex_trylock(&pool.use) != 0) {
    bool inside = running_a_part;
    running_a_part = inside || parts > 1;
    for (long part = 0; part < parts; part++) body(context, part);
    running_a_part = inside;
    return;
  }
  if (threads > most_threads) threads = most_threads;
  if (threads > parts) threads = parts;
  while (pool.started < threads - 1) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, NULL) != 0) break;  // fewer threads, same result
    pthread_detach(thread);
    pool.started++;
  }

  pthread_mutex_lock(&pool.lock);
  pool.parts = parts;
  pool.body = body;
  pool.context = context;
  pool.recording = ck_is_recording();
  atomic_store(&pool.next, 0);
  atomic_store(&pool.open, parts);
  atomic_store(&pool.seats, threads - 1);
  atomic_fetch_add(&pool.generation, 1);
  pthread_cond_broadcast(&pool.begun);
  pthread_mutex_unlock(&pool.lock);

  take_parts();
  for (long inside = 0; atomic_load(&pool.inside) != inside;) {
    inside = atomic_load(&pool.inside);
    if (inside > 0) await_change(&pool.inside, inside);
  }
  pthread_mutex_lock(&pool.lock);
  // A thread that has not joined by now finds no open part and stays out.
  while (atomic_load(&pool.open) > 0 || atomic_load(&pool.inside) > 0)
    pthread_cond_wait(&pool.ended, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
  pthread_mutex_unlock(&pool.use);
}

struct start {
  void (*body)(void *);
  void *context;
};

static void *run_started(void *memory) {
  struct start start = *(struct start *)memory;
  free(memory);
  start.body(start.context);
  return NULL;
}

bool ck_start_thread(void (*body)(void *context), void *context) {
  struct start *start = malloc(sizeof *start);
  pthread_t thread;
  if (!start) return false;
  *start = (struct start){.body = body, .context = context};
  if (pthread_create(&thread, NULL, run_started, start) != 0) {
    free(start);
    return false;
  }
  pthread_detach(thread);
  return true;
}

bool ck_runs_a_part(void) { return running_a_part; }

long ck_allowed_processors(void) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? online : 1;
}

long ck_list_allowed_processors(int *numbers, long room) {
  long count = 0;
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    for (int number = 0; number < CPU_SETSIZE; number++) {
      if (!CPU_ISSET(number, &allowed)) continue;
      if (count < room) numbers[count] = number;
      count++;
    }
    return count < room ? count : room;
  }
#endif
  for (long all = ck_allowed_processors(); count < all && count < room; count++)
    numbers[count] = (int)count;
  return count;
}

long ck_processor_count(void) {
  long allowed = ck_allowed_processors();
  double quota = ck_processor_quota("");
  if (quota <= 0 || quota >= (double)allowed) return allowed;
  return quota < 1 ? 1 : (long)quota;
}
