import CKernels

/// States that lie in parts in several processes: by what their inner products add up.
///
/// Within `with(_:_:)`, norms and inner products of samples, and those of windows, are of whole samples:
/// each process computes its part, and the parts are summed. All processes get the same bits, so that
/// whatever a solver decides by norms and inner products it decides alike everywhere. It belongs to the
/// thread, like recording, because it concerns every product that a method takes, of its own or of
/// another's making, and none that the function which is solved takes: that runs outside of it. So do the
/// rules of a backward pass, except those that remember the scope in which they were recorded: of a
/// solution, of steps that are run again, and of custom operators.
package final class StateSharding: Sendable {
  private let sum: @Sendable (inout [Double]) -> Void
  private let maximum: @Sendable (inout [Double]) -> Void

  /// Sums and maxima of each number over the processes.
  package init(
    sum: @escaping @Sendable (inout [Double]) -> Void,
    maximum: @escaping @Sendable (inout [Double]) -> Void
  ) {
    (self.sum, self.maximum) = (sum, maximum)
  }

  /// What this thread's inner products add up by; nil where states are whole.
  package static var current: StateSharding? {
    ck_sharding().map { Unmanaged<StateSharding>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Runs `body` with states in parts, or, with nil, with whole states.
  package static func with<Result>(
    _ sharding: StateSharding?, _ body: () throws -> Result
  ) rethrows -> Result {
    let before = ck_sharding()
    ck_set_sharding(sharding.map { UnsafeRawPointer(Unmanaged.passUnretained($0).toOpaque()) })
    defer { ck_set_sharding(before) }
    return try withExtendedLifetime(sharding, body)
  }

  /// What a function returns that takes its tensors for whole ones: one that a solve is given.
  package static func outside<Result>(_ body: () throws -> Result) rethrows -> Result {
    ck_sharding() == nil ? try body() : try with(nil, body)
  }

  /// A function that runs in the scope in which it was made, wherever it is called: one that takes inner
  /// products of states itself, such as a solver's inverse that preconditions another method.
  package static func inPresentScope<Input, Result>(
    _ function: @escaping (Input) throws -> Result
  ) -> (Input) throws -> Result {
    guard let scope = current else { return function }
    return { input in try with(scope) { try function(input) } }
  }

  /// The sums of the processes' numbers.
  package func sums(_ own: [Double]) -> [Double] {
    var sums = own
    sum(&sums)
    return sums
  }

  /// The norms of samples from those of their parts.
  func norms(_ own: [Double]) -> [Double] {
    // Beside the squares, in how many parts a norm is not 0: a sample that is 0 needs no second look.
    let both = sums(own.map { $0 * $0 } + own.map { $0 == 0 ? 0 : 1 })
    let squares = Array(both[..<own.count])
    // As of one process: outside this range squares lose digits. All processes see the same sums.
    let isSafe = own.indices.map {
      squares[$0].isNaN || both[own.count + $0] == 0
        || (squares[$0] > 1e-280 && squares[$0].isFinite)
    }
    guard isSafe.contains(false) else { return squares.map { $0.squareRoot() } }
    var largest = zip(own, isSafe).map { $1 ? 0 : $0 }
    maximum(&largest)
    let scales = largest.map { norm in
      norm > 0 && norm.isFinite
        ? Double(sign: .plus, exponent: Swift.min(-Int(norm.exponent), 1000), significand: 1) : 1
    }
    let scaled = sums(
      own.indices.map { isSafe[$0] ? 0 : own[$0] * scales[$0] * (own[$0] * scales[$0]) })
    return own.indices.map { row in
      if isSafe[row] { return squares[row].squareRoot() }
      return largest[row] > 0 && largest[row].isFinite
        ? scaled[row].squareRoot() / scales[row] : largest[row]
    }
  }

  /// Stops where steps of a method are recorded: their inner products are constants.
  static func expectConstants() {
    expect(
      current == nil,
      "the steps of a solve whose state is sharded over ranks cannot be recorded: differentiate it with "
        + "an implicit estimator such as .gmres()")
  }

  /// Stops where something is to be made of a state that is not all here: a matrix, unless it is said what
  /// else to use.
  package static func expectWhole(
    _ what: String,
    instead: String = "use methods of products alone, such as .anderson() or .newtonKrylov() to "
      + "solve, and .gmres() to differentiate"
  ) {
    expect(
      current == nil, "\(what) needs the whole state, which is sharded over ranks: \(instead)")
  }
}

extension Tensor {
  /// How many numbers a sample has, for a method that treats small states in another way; without end
  /// where only a part of each is here.
  package var unknownsOfSamples: Int {
    ck_sharding() == nil ? shape.suffix(from: 1).elementCount : .max
  }

  /// The inner product of each sample with that of `other`, [batch, 1] for states [batch, n]; recorded
  /// where states are whole.
  package func overlaps(with other: Tensor) -> Tensor {
    guard StateSharding.current != nil else {
      return (self * other).sum(alongAxis: 1, keepingAxis: true)
    }
    if Tensor.records(self, other) { StateSharding.expectConstants() }
    return Tensor(
      innerProductsOfSamples(with: other), shape: [shape[0], 1], dtype: dtype)
  }
}
