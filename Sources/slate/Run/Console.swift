import CProcess
import Foundation
import Synchronization

/// What the program says to its user: the only place that writes to standard output and standard
/// error.
///
/// A stream may fail at any time: the disk that it is redirected to is full, the terminal is gone, the
/// reader of a pipe has ended. That never ends the program. A result that could not be printed is
/// remembered, so that the exit status can tell; progress is not.
enum Console {
  /// Why a result could not be printed: the first failure's errno; 0 if there was none.
  private static let failure = Atomic<Int32>(0)

  /// Whether another process says the same: results, progress and warnings are then kept quiet.
  static let isSilent = Atomic(false)

  /// Prints a result on standard output.
  static func print(_ text: String, terminator: String = "\n") {
    if isSilent.load(ordering: .relaxed) { return }
    let error = write(text + terminator, to: STDOUT_FILENO)
    _ = failure.compareExchange(expected: 0, desired: error, ordering: .relaxed)
  }

  /// Prints on standard output how work goes on.
  ///
  /// Where nobody reads it any more (a broken pipe, as after `slate train | head`), the program is
  /// asked to end as by a signal.
  static func tell(_ text: String, terminator: String = "\n") {
    if isSilent.load(ordering: .relaxed) { return }
    if write(text + terminator, to: STDOUT_FILENO) == EPIPE { cp_ask_for_end() }
  }

  /// Says on standard error what the user should know of although the program goes on.
  static func warn(_ message: String) {
    if !isSilent.load(ordering: .relaxed) { complain("warning: \(message)") }
  }

  /// Says on standard error what is wrong.
  static func complain(_ message: String) { _ = write(message + "\n", to: STDERR_FILENO) }

  /// The errno of the first result that could not be printed; nil if all were.
  static var firstFailure: Int32? {
    let error = failure.load(ordering: .relaxed)
    return error == 0 ? nil : error
  }

  /// Returns 0, or errno.
  private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { cp_write(descriptor, $0.baseAddress, $0.count) }
  }
}
