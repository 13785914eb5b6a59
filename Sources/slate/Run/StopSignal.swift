import Dispatch
import Foundation
import Synchronization

/// Whether the user, or the system, has asked the program to end: SIGINT or SIGTERM.
///
/// The first signal is noted, so that the step in progress can be finished and saved; a second one
/// ends the program at once.
final class StopSignal {
  private let received: Received
  private let sources: [any DispatchSourceSignal]

  /// Shared with the handlers, which run on another thread.
  private final class Received: Sendable {
    let flag = Atomic<Bool>(false)
  }

  /// Watches from now on.
  init() {
    let received = Received()
    self.received = received
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        if received.flag.exchange(true, ordering: .relaxed) { exit(130) }
        let note = "\nfinishing the step, then saving; another signal stops at once\n"
        FileHandle.standardError.write(Data(note.utf8))
      }
      source.resume()
      return source
    }
  }

  deinit { for source in sources { source.cancel() } }

  /// Whether a signal has come.
  var isReceived: Bool { check() }

  /// The same, for other threads to ask.
  var check: @Sendable () -> Bool {
    let received = received
    return { received.flag.load(ordering: .relaxed) }
  }
}
