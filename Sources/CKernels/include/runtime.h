#pragma once
#include <stdbool.h>

// What the tensor runtime needs from C: a pool of buffers, the thread-local recording flag, and
// the process-wide counters of live bytes, live nodes and node sequence numbers.

// A buffer of at least `bytes` bytes, aligned to 64; its contents are undefined. Stops the process
// with a message when memory is exhausted. Give it back with the same `bytes`.
void *ck_allocate(long bytes);
void ck_release(void *buffer, long bytes);

// Bytes asked for by buffers that are in use now, and bytes that wait in the pool for reuse.
long ck_live_bytes(void);
long ck_pooled_bytes(void);

// The largest value of ck_live_bytes since the last call of ck_reset_peak_bytes.
long ck_peak_bytes(void);
void ck_reset_peak_bytes(void);

// Stops the process with a message if this thread is to multiply its first matrices and the limit on
// the process's address space leaves no room for the buffers that OpenBLAS takes, one for each of
// `threads` threads: OpenBLAS itself would ask for them for ever.
void ck_expect_product_memory(long threads);

// Hands every waiting buffer back to the system.
void ck_drain_pool(void);

// Whether operators on this thread are recorded; true on a new thread.
bool ck_is_recording(void);
void ck_set_recording(bool recording);

// By what this thread's inner products add up with those of other processes; null, as on a new thread,
// where they do not.
const void *ck_sharding(void);
void ck_set_sharding(const void *sharding);

// Lets other threads run.
void ck_yield(void);

// Counts a node that is created; the result orders it after every node created before.
long ck_node_created(void);
void ck_node_destroyed(void);
long ck_live_nodes(void);
