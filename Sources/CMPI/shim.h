#pragma once
#include <mpi.h>
#include <stddef.h>

// The part of MPI that is used, in its portable C interface. Communicators, types and operations are
// macros or objects of one implementation, which Swift cannot see; here they have names. Every function
// returns MPI's error code, 0 for success: the default handler ends the job before that.

static inline int cmpi_is_started(void) {
  int is_started = 0, is_ended = 0;
  MPI_Initialized(&is_started);
  MPI_Finalized(&is_ended);
  return is_started && !is_ended;
}

// Only one thread at a time makes calls.
static inline int cmpi_start(void) {
  int given;
  return MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &given);
}

static inline int cmpi_end(void) { return MPI_Finalize(); }

static inline void cmpi_abort(int status) { MPI_Abort(MPI_COMM_WORLD, status); }

static inline int cmpi_rank(void) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

static inline int cmpi_size(void) {
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

// The implementation's name and version; callable before the start. `text` has room for
// cmpi_version_length() bytes.
static inline int cmpi_version_length(void) { return MPI_MAX_LIBRARY_VERSION_STRING; }
static inline void cmpi_version(char *text) {
  int length;
  MPI_Get_library_version(text, &length);
}

static inline int cmpi_sum_floats(float *values, int count) {
  return MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

static inline int cmpi_sum_doubles(double *values, int count) {
  return MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

static inline int cmpi_max_doubles(double *values, int count) {
  return MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
}

static inline int cmpi_broadcast(void *bytes, int count, int root) {
  return MPI_Bcast(bytes, count, MPI_BYTE, root, MPI_COMM_WORLD);
}

// `all` has room for `count` bytes of each rank.
static inline int cmpi_gather(const void *own, int count, void *all) {
  return MPI_Allgather(own, count, MPI_BYTE, all, count, MPI_BYTE, MPI_COMM_WORLD);
}

// A negative rank stands for no rank.
static inline int cmpi_shift(const void *sent, int to, void *received, int from, int count) {
  return MPI_Sendrecv(
      sent, count, MPI_BYTE, to < 0 ? MPI_PROC_NULL : to, 0, received, count, MPI_BYTE,
      from < 0 ? MPI_PROC_NULL : from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static inline int cmpi_barrier(void) { return MPI_Barrier(MPI_COMM_WORLD); }
