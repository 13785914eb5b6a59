import Foundation

/// Training's progress on standard output: a bar that redraws itself on a terminal, plain lines
/// elsewhere.
struct ProgressDisplay {
  private let total: Int
  private let first: Int
  private let isTerminal = isatty(STDOUT_FILENO) != 0
  /// The time at which the first step was shown, and its number.
  ///
  /// Rates are counted from there, which is after the first validation.
  private var start: (time: ContinuousClock.Instant, step: Int)?
  private var lastDraw = ContinuousClock.now - .seconds(1)
  /// The number of steps between plain lines.
  ///
  /// It does not depend on time, so that equal runs print equal lines.
  private let interval: Int

  /// A display for the steps from `first` to `total`.
  init(from first: Int, to total: Int) {
    self.first = first
    self.total = total
    interval = max(1, (total - first) / 20)
  }

  /// Shows the state after a step.
  mutating func show(_ record: Trainer.Record) {
    if !isTerminal {
      if (record.step - first) % interval == 0 || record.step == total {
        Console.tell(
          "step \(record.step)/\(total)  loss \(record.loss.short)"
            + (record.crossEntropy.map { "  cross-entropy \($0.short)" } ?? "")
            + (record.mse.map { "  mse \($0.short)" } ?? ""))
      }
      return
    }
    guard lastDraw.duration(to: .now) > .milliseconds(100) || record.step == total else { return }
    lastDraw = .now
    let start = start ?? (.now, record.step)
    self.start = start
    let rate =
      Double(record.step - start.step) / max(start.time.duration(to: .now) / .seconds(1), 1e-9)
    let text =
      " \(record.step)/\(total)  loss \(record.loss.short)  \(rate.short) steps/s  "
      + "\(duration(Double(total - record.step) / rate)) left"
    // A line as wide as the terminal would wrap, and then could not be redrawn.
    let width = min(24, max(0, terminalWidth - 1 - text.count))
    let filled = Int(Double(width) * Double(record.step) / Double(max(total, 1)))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    Console.draw(String((bar + text).prefix(terminalWidth - 1)))
  }

  /// The number of columns of the terminal; 80 if the system does not know it.
  private var terminalWidth: Int {
    var size = winsize()
    return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
      ? Int(size.ws_col) : 80
  }

  /// Leaves the bar as it is, and begins a new line.
  func finish() { Console.leaveBar() }
}

/// A duration as "45s", "3m20s" or "2h05m".
func duration(_ seconds: Double) -> String {
  guard abs(seconds) < 1e15 else { return "?" }
  let whole = Int(seconds.rounded())
  func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  if whole < 60 { return "\(whole)s" }
  if whole < 3600 { return "\(whole / 60)m\(two(whole % 60))s" }
  return "\(whole / 3600)h\(two(whole / 60 % 60))m"
}

extension Double {
  /// A number with five significant digits.
  var short: String { String(format: "%.5g", self) }
}
