#pragma once
#include <stdbool.h>

// A pool of persistent threads for work that is split into a few long parts.

// Calls body(context, i) once for every i in 0 ..< parts, on the calling thread and on at most
// `threads` - 1 others, and returns when all calls have. Which thread runs which part is not
// fixed. Called from inside a part, or while another thread uses the pool, it runs every part on
// the calling thread.
void ck_run_parts(long parts, long threads, void (*body)(void *context, long part), void *context);

// Runs body(context) on a thread of its own; false where the system gives none.
bool ck_start_thread(void (*body)(void *context), void *context);

// Whether the system gives `threads` threads beside this one at the same time; they end at once.
bool ck_has_threads(long threads);

// The number of processors that this process may run on, at least 1.
long ck_processor_count(void);
