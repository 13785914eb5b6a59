import CProcess

/// Whether the user, or the system, has asked the program to end: SIGINT, SIGTERM, SIGHUP or SIGPIPE.
///
/// The first signal is recorded, so that the current step can be finished and saved. Signals within
/// a second after it belong to it (`timeout` signals the process and then its group); a later
/// signal ends the program at once.
struct StopSignal: Sendable {
  /// Begins to watch for signals.
  init() { cp_watch_signals() }

  /// Whether a signal has arrived.
  var isReceived: Bool { cp_end_is_wanted() }
}
