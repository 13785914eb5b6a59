#pragma once
#include <stdbool.h>
#include <stddef.h>

// The process and its surroundings: standard streams, and signals that ask it to end. In C, because
// a signal handler may call next to nothing.
//
// Before main begins, those of the descriptors 0, 1 and 2 that are closed are opened on /dev/null:
// otherwise the next file that is opened gets the number, and what is meant for a standard stream is
// written into it.

// Writes all bytes to a descriptor, waiting where it is not ready. Returns 0, or the errno of the
// failure; the rest of the bytes is lost then. A broken pipe is a failure like others if SIGPIPE is
// ignored or watched.
int cp_write(int descriptor, const void *bytes, size_t count);

// A full disk (SIGXFSZ) and a broken pipe (SIGPIPE) are from now on failures of the write alone.
void cp_ignore_signals_of_writes(void);

// SIGINT, SIGTERM, SIGHUP and SIGPIPE ask from now on for an end, instead of ending the process.
// Signals within a second of the first count as one with it; a later one ends the process at once, by
// _exit, with status 128 and its number. A SIGHUP that is ignored (nohup) stays so; a SIGPIPE that the
// process raises itself by a write only makes that write fail.
void cp_watch_signals(void);

// Whether a signal, or cp_ask_for_end, has asked for an end.
bool cp_end_is_wanted(void);

// Ends the process with a status. Where its address space is limited, what libraries do at the end is left out:
// OpenBLAS would wait there for its threads, and these for memory that they never get.
__attribute__((noreturn)) void cp_leave(int status);

// Asks for an end like a signal does.
void cp_ask_for_end(void);
