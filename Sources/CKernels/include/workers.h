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

// Whether this thread runs one of several parts, so that it may not share its work.
bool ck_runs_a_part(void);

// The processors that this process may run on, at least 1.
long ck_allowed_processors(void);

// Writes the numbers of these processors, at most `room` of them, and returns how many there are.
long ck_list_allowed_processors(int *numbers, long room);

// The processors' worth of time that the process's control groups (of Linux, either version) leave
// it, or 0 where they set no bound. `system` is put before the paths that are read: "".
double ck_processor_quota(const char *system);

// How many threads this process can keep busy: the processors that it may run on, or the whole
// processors in its quota if they are fewer, at least 1.
long ck_processor_count(void);
