import CProcess

/// Whether the user, or the system, has asked the program to end: SIGINT, SIGTERM, SIGHUP or SIGPIPE.
///
/// The first signal is noted, so that the step in progress can be finished and saved. What follows
/// within a second belongs to it (`timeout` signals the process and then its group); a signal after
/// that ends the program at once.
struct StopSignal: Sendable {
  /// Watches from now on.
  init() { cp_watch_signals() }

  /// Whether a signal has come.
  var isReceived: Bool { cp_end_is_wanted() }
}
