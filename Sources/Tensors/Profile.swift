import CKernels

/// Seconds, calls and floating-point operations by kind of operator: a profile of where the time
/// goes.
///
/// ```swift
/// let (losses, profile) = try Profile.measuring { try trainingStep() }
/// print(profile)   // a table, the largest share first
/// ```
/// A kind is an operator's name; forward and backward are separate. "product" is every matrix
/// product, wherever it is called from, and "tape" is everything between operators: recording,
/// reachability, allocation. Times are exclusive and summed over the threads. While nothing is
/// measured, an operator pays one load and a branch.
public struct Profile: Sendable, CustomStringConvertible {
  /// The measurement of one kind of operator.
  public struct Row: Sendable {
    /// The name of the operator.
    public let name: String
    /// Whether the row is about backward passes.
    public let isBackward: Bool
    /// The number of calls.
    public let calls: Int
    /// The time spent in it but not in operators that it calls, summed over threads.
    public let seconds: Double
    /// Additions and multiplications in matrix products and factorisations.
    public let operations: Double
  }

  /// One row for each kind, in order of decreasing time.
  public let rows: [Row]

  /// The time of all kinds, summed over threads.
  public var seconds: Double { rows.reduce(0) { $0 + $1.seconds } }
  /// The floating-point operations of all matrix products and factorisations.
  public var operations: Double { rows.reduce(0) { $0 + $1.operations } }

  /// Runs `body` and measures every operator that runs meanwhile, in all threads.
  ///
  /// A measurement covers the whole process, so there can be only one at a time.
  ///
  /// - Parameter body: the work to measure.
  /// - Returns: what `body` returns, and the measurement.
  /// - Throws: what `body` throws.
  public static func measuring<Result>(
    _ body: () throws -> Result
  ) rethrows -> (result: Result, profile: Profile) {
    ck_profile_start()
    defer { ck_profile_stop() }
    let result = try measured("tape", body)
    return (result, Profile())
  }

  private init() {
    var byName: [String: Row] = [:]
    var (index, name, isBackward) = (0, UnsafePointer<CChar>?.none, false)
    var (calls, nanoseconds, operations) = (0, 0, 0)
    while ck_profile_row(index, &name, &isBackward, &calls, &nanoseconds, &operations) {
      index += 1
      guard let name else { continue }
      let label = String(String(cString: name).prefix { $0 != "(" })
      let key = "\(label) \(isBackward)"
      let before = byName[key]
      byName[key] = Row(
        name: label, isBackward: isBackward, calls: calls + (before?.calls ?? 0),
        seconds: Double(nanoseconds) / 1e9 + (before?.seconds ?? 0),
        operations: Double(operations) + (before?.operations ?? 0))
    }
    rows = byName.values.sorted { $0.seconds > $1.seconds }
  }

  /// A table: share of the time, milliseconds, calls and Gflop/s of each kind.
  public var description: String {
    let total = max(seconds, 1e-12)
    let lines = rows.filter { $0.seconds >= 0.001 * total }.map { row in
      let rate = row.operations > 0 ? fixed(row.operations / row.seconds / 1e9, 1) : ""
      return padded(fixed(100 * row.seconds / total, 1) + "%", 7)
        + padded(fixed(1000 * row.seconds, 2), 11) + padded("\(row.calls)", 8) + padded(rate, 9)
        + "  " + row.name + (row.isBackward ? " (backward)" : "")
    }
    let header = "  share         ms   calls  Gflop/s  operator"
    return ([header] + lines).joined(separator: "\n")
  }
}

/// A number with a fixed number of decimals.
private func fixed(_ number: Double, _ decimals: Int) -> String {
  var scale = 1
  for _ in 0..<decimals { scale *= 10 }
  let units = Int((number * Double(scale)).rounded())
  let fraction = String(units % scale)
  return "\(units / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
}

private func padded(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(width - text.count, 0)) + text
}

/// Runs `body` as an operator of the kind `name` in profiles.
@inline(__always)
func measured<Result, Failure: Error>(
  _ name: StaticString, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  guard ck_profile_is_on() else { return try body() }
  let former = ck_profile_enter(
    UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
  defer { ck_profile_leave(former) }
  return try body()
}
