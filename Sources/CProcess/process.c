#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

__attribute__((constructor)) static void open_standard_descriptors(void) {
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // The system gives the lowest free number. Standard output is opened for reading, so that a
    // result that goes there is an error as on a closed stream; libraries may write to standard error.
    // If there is no /dev, any descriptor serves to which nothing can be written.
    if (open("/dev/null", descriptor == 2 ? O_WRONLY : O_RDONLY) < 0) (void)open("/", O_RDONLY);
  }
}

int cp_write(int descriptor, const void *bytes, size_t count) {
  const char *next = bytes;
  while (count > 0) {
    ssize_t written = write(descriptor, next, count);
    if (written > 0) {
      next += written;
      count -= (size_t)written;
    } else if (written < 0 && errno == EAGAIN) {
      struct pollfd ready = {.fd = descriptor, .events = POLLOUT};
      if (poll(&ready, 1, -1) < 0 && errno != EINTR) return errno;
    } else if (written < 0 && errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void cp_ignore_signals_of_writes(void) {
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
}

static const long long one_second = 1000000000;
// When an end was first asked for, in nanoseconds of a clock that begins above 0; 0 before.
static atomic_llong asked_at;

static long long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * one_second + now.tv_nsec + 1;
}

// Whether this is the first request; `since` becomes the time since the first.
static bool ask(long long *since) {
  long long now = nanoseconds(), first = 0;
  bool is_first = atomic_compare_exchange_strong(&asked_at, &first, now);
  *since = is_first ? 0 : now - first;
  return is_first;
}

static void receive(int number, siginfo_t *info, void *context) {
  (void)context;
  int kept = errno;
  long long since;
  if (number != SIGPIPE || info->si_pid != getpid()) {
    if (ask(&since)) {
      static const char note[] =
          "\nfinishing the step, then saving; another signal, a second from now or later, stops at "
          "once\n";
      // A handler must not wait until somebody reads the stream.
      struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
      if (poll(&ready, 1, 0) == 1) (void)!write(STDERR_FILENO, note, sizeof note - 1);
    } else if (since >= one_second) {
      _exit(128 + number);
    }
  }
  errno = kept;
}

void cp_watch_signals(void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  sigset_t watched;
  sigemptyset(&watched);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct sigaction former, action;
    if (numbers[i] == SIGHUP && sigaction(SIGHUP, NULL, &former) == 0 &&
        former.sa_handler == SIG_IGN)
      continue;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = receive;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(numbers[i], &action, NULL);
    sigaddset(&watched, numbers[i]);
  }
  // The parent process may have blocked these signals.
  pthread_sigmask(SIG_UNBLOCK, &watched, NULL);
}

void cp_leave(int status) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) exit(status);
  fflush(NULL);
  _exit(status);
}

bool cp_end_is_wanted(void) { return atomic_load(&asked_at) != 0; }

void cp_ask_for_end(void) {
  long long since;
  (void)ask(&since);
}
