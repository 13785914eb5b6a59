import CProcess
import Foundation
import Synchronization

/// The output of the program: the only place that writes to standard output and standard error.
///
/// A stream may fail at any time: the disk to which it is redirected is full, the terminal is gone,
/// or the reader of a pipe has ended. Such a failure never ends the program. If a result could not
/// be printed, this is remembered for the exit status; for progress it is not.
enum Console {
  /// The errno of the first result that could not be printed; 0 if there was none.
  private static let failure = Atomic<Int32>(0)

  /// Whether another process prints the same, so that this one prints neither results nor progress
  /// nor warnings.
  static let isSilent = Atomic(false)

  /// Prints a result on standard output.
  static func print(_ text: String, terminator: String = "\n") {
    if isSilent.load(ordering: .relaxed) { return }
    let error = write(text + terminator, to: STDOUT_FILENO)
    _ = failure.compareExchange(expected: 0, desired: error, ordering: .relaxed)
  }

  /// Prints progress on standard output.
  ///
  /// If nobody reads it any more (a broken pipe, as after `slate train | head`), the program is
  /// asked to end, as by a signal.
  static func tell(_ text: String, terminator: String = "\n") {
    if isSilent.load(ordering: .relaxed) { return }
    if write(text + terminator, to: STDOUT_FILENO) == EPIPE { cp_ask_for_end() }
  }

  /// Prints a warning on standard error.
  static func warn(_ message: String) {
    if !isSilent.load(ordering: .relaxed) { complain("warning: \(message)") }
  }

  /// Prints an error on standard error.
  static func complain(_ message: String) { _ = write(message + "\n", to: STDERR_FILENO) }

  /// The errno of the first result that could not be printed; nil if all were.
  static var firstFailure: Int32? {
    let error = failure.load(ordering: .relaxed)
    return error == 0 ? nil : error
  }

  /// Writes the text, and returns 0 or errno.
  private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { cp_write(descriptor, $0.baseAddress, $0.count) }
  }
}
