// Faults at system calls of a program that this library is preloaded into.
//
// FAULTS_FOLDER: only calls that change something below this folder count.
// FAULTS_KILL=N: the process is killed at the Nth of them (from 1), before it is made; a write is cut
//   in half first.
// FAULTS_COUNT=FILE: their number is written there when the process ends.
// FAULTS_NO_THREADS=1: no thread can be made.
// FAULTS_INODES=1: a temporary file has another number each time that somebody looks at its path.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

static bool is_below(const char *path) {
  const char *folder = getenv("FAULTS_FOLDER");
  return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static bool is_descriptor_below(int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  return is_below(path);
}

// Whether the process is to be killed at this call.
static bool is_last(void) {
  long call = atomic_fetch_add(&calls, 1) + 1;
  const char *number = getenv("FAULTS_KILL");
  return number && call == atol(number);
}

static void end(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("FAULTS_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPENS(name)                                              \
  int name(const char *path, int flags, ...) {                   \
    va_list rest;                                                \
    va_start(rest, flags);                                       \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;    \
    va_end(rest);                                                \
    if ((flags & (O_CREAT | O_TRUNC)) && is_below(path) && is_last()) end(); \
    return REAL(name)(path, flags, mode);                        \
  }
OPENS(open)
OPENS(open64)

#define WRITES(name, ...)                                                     \
  {                                                                           \
    if (is_descriptor_below(descriptor) && is_last()) {                       \
      REAL(name)(descriptor, bytes, count / 2 __VA_ARGS__);                   \
      end();                                                                  \
    }                                                                         \
    return REAL(name)(descriptor, bytes, count __VA_ARGS__);                  \
  }
ssize_t write(int descriptor, const void *bytes, size_t count) WRITES(write)
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t at) WRITES(pwrite, , at)

#define AT_PATH(name, parameters, path, ...)   \
  int name parameters {                        \
    if (is_below(path) && is_last()) end();    \
    return REAL(name)(__VA_ARGS__);            \
  }
AT_PATH(rename, (const char *from, const char *to), to, from, to)
AT_PATH(link, (const char *from, const char *to), to, from, to)
AT_PATH(unlink, (const char *path), path, path)
AT_PATH(mkdir, (const char *path, mode_t mode), path, path, mode)

#define AT_DESCRIPTOR(name, parameters, ...)                   \
  int name parameters {                                        \
    if (is_descriptor_below(descriptor) && is_last()) end();   \
    return REAL(name)(__VA_ARGS__);                            \
  }
AT_DESCRIPTOR(fsync, (int descriptor), descriptor)
AT_DESCRIPTOR(ftruncate, (int descriptor, off_t size), descriptor, size)
AT_DESCRIPTOR(ftruncate64, (int descriptor, off64_t size), descriptor, size)

int lstat(const char *path, struct stat *status) {
  static atomic_long looks;
  int result = REAL(lstat)(path, status);
  const char *end = path + strlen(path) - 4;
  if (getenv("FAULTS_INODES") && is_below(path) && end > path && strcmp(end, ".tmp") == 0)
    status->st_ino += (ino_t)(1 + atomic_fetch_add(&looks, 1));
  return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument) {
  if (getenv("FAULTS_NO_THREADS")) return EAGAIN;
  return REAL(pthread_create)(thread, attributes, body, argument);
}
