import CProcess
import Foundation
import Synchronization

/// The output of the program: the only place that writes to standard output and standard error.
///
/// A stream may fail at any time: the disk to which it is redirected is full, the terminal is gone,
/// or the reader of a pipe has ended. Such a failure never ends the program. If a result could not
/// be printed, this is remembered for the exit status; for progress it is not.
///
/// On a terminal, the last line may be a bar that is drawn again and again. Progress and warnings are
/// printed above it; results and errors below.
enum Console {
  /// The errno of the first result that could not be printed; 0 if there was none.
  private static let failure = Atomic<Int32>(0)

  /// Whether another process prints the same, so that this one prints neither results nor progress
  /// nor warnings.
  static let isSilent = Atomic(false)

  /// The bar that the terminal shows, empty for none; who holds it writes.
  private static let bar = Mutex("")
  /// What removes the line that the cursor is in.
  private static let removal = "\r\u{1b}[K"

  /// Prints a result on standard output.
  static func print(_ text: String, terminator: String = "\n") {
    if isSilent.load(ordering: .relaxed) { return }
    leaveBar()
    let error = write(text + terminator, to: STDOUT_FILENO)
    _ = failure.compareExchange(expected: 0, desired: error, ordering: .relaxed)
  }

  /// Prints progress on standard output.
  ///
  /// If nobody reads it any more (a broken pipe, as after `slate train | head`), the program is
  /// asked to end, as by a signal.
  static func tell(_ text: String) {
    if isSilent.load(ordering: .relaxed) { return }
    aboveBar { show(text + "\n") }
  }

  /// Draws the bar in place of the one before; an empty text removes it.
  static func draw(_ text: String) {
    if isSilent.load(ordering: .relaxed) { return }
    bar.withLock { bar in
      show(removal + text)
      bar = text
    }
  }

  /// Leaves the bar, if there is one, as it is, and begins a new line.
  static func leaveBar() {
    bar.withLock { bar in
      if !bar.isEmpty { show("\n") }
      bar = ""
    }
  }

  /// Prints a warning on standard error.
  static func warn(_ message: String) {
    if isSilent.load(ordering: .relaxed) { return }
    aboveBar { _ = write("warning: \(message.printable)\n", to: STDERR_FILENO) }
  }

  /// Prints an error on standard error.
  static func complain(_ message: String) {
    leaveBar()
    _ = write(message.printable + "\n", to: STDERR_FILENO)
  }

  /// Writes lines in place of the bar, and then the bar.
  private static func aboveBar(_ body: () -> Void) {
    bar.withLock { bar in
      if !bar.isEmpty { show(removal) }
      body()
      if !bar.isEmpty { show(bar) }
    }
  }

  /// Writes progress.
  private static func show(_ text: String) {
    if write(text, to: STDOUT_FILENO) == EPIPE { cp_ask_for_end() }
  }

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

extension String {
  /// The text for a terminal: control characters, which a file's names may hold, are spelled out, and what is
  /// longer than any message is cut off.
  fileprivate var printable: String {
    let limit = 16_384
    var result = ""
    for scalar in unicodeScalars.prefix(limit) {
      switch scalar.value {
      case 0x0a, 0x20..<0x7f, 0xa0...: result.unicodeScalars.append(scalar)
      default: result += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return unicodeScalars.count > limit ? result + "…" : result
  }
}
