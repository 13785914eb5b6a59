import Tensors

/// A way to choose the next iterate.
///
/// ```swift
/// struct Halfway: ForwardSolver {
///   func makeHistory() {}
///   func next(after z: Tensor, image fz: Tensor, _ history: inout Void) -> Tensor {
///     (z + fz) * 0.5
///   }
/// }
/// ```
/// A solver sees the iterate, its image and its own history; the loop, stopping, the best iterate
/// and the report are the same for all (`solve`). `next` must treat samples (axis 0) independently
/// and be written in tensor operators, so that unrolling differentiates through it.
///
/// The two requirements above are enough. The others have defaults and each opens one more
/// possibility: `history(_:ofSamples:)` lets samples that are done leave the solve,
/// `next(after:image:in:_:)` sees the map itself, `inverse(from:)` hands over what was learned of
/// the Jacobian, and `toleratedFailures` allows a step to be taken back.
public protocol ForwardSolver: Sendable {
  /// What the solver remembers from earlier iterates.
  associatedtype History

  /// The history before the first iterate.
  func makeHistory() -> History

  /// The iterate after z.
  ///
  /// - Parameters:
  ///   - z: the current iterate, [batch, ...].
  ///   - fz: f(z), of the same shape.
  ///   - history: the solver's own.
  /// - Returns: the next iterate, of the same shape.
  /// - Throws: what makes it impossible to go on with any sample.
  func next(after z: Tensor, image fz: Tensor, _ history: inout History) throws -> Tensor

  /// The iterate after z, for a solver that needs more of the map than f(z).
  ///
  /// Default: `next(after:image:_:)`.
  ///
  /// - Parameters:
  ///   - z: the current iterate, [batch, ...].
  ///   - fz: f(z), of the same shape.
  ///   - context: evaluates the map elsewhere and its Jacobian, and takes remarks for the report.
  ///   - history: the solver's own.
  /// - Returns: the next iterate, of the same shape.
  /// - Throws: what the map throws, and what makes it impossible to go on with any sample.
  func next(
    after z: Tensor, image fz: Tensor, in context: SolveContext, _ history: inout History
  ) throws -> Tensor

  /// The history of the samples at the given positions of the batch, in their order.
  ///
  /// Default: nil, the history cannot be divided and all samples stay to the end; a solver
  /// without a history needs none.
  func history(_ history: History, ofSamples positions: [Int]) -> History?

  /// What the history says of (J - I)^-1.
  ///
  /// Default: nil.
  func inverse(from history: History) -> (any InverseJacobian)?

  /// How many iterates in succession may be non-finite, or diverge, before a sample is given up.
  ///
  /// Default: 0. A solver that goes back to an earlier point after a bad step allows more.
  var toleratedFailures: Int { get }
}

extension ForwardSolver {
  /// The iterate that the solver chooses without the map.
  public func next(
    after z: Tensor, image fz: Tensor, in context: SolveContext, _ history: inout History
  ) throws -> Tensor {
    try next(after: z, image: fz, &history)
  }

  /// No part of a history.
  public func history(_ history: History, ofSamples positions: [Int]) -> History? { nil }

  /// Nothing.
  public func inverse(from history: History) -> (any InverseJacobian)? { nil }

  /// None.
  public var toleratedFailures: Int { 0 }
}

extension ForwardSolver where History == Void {
  /// Nothing is the same for any samples.
  public func history(_ history: Void, ofSamples positions: [Int]) -> Void? { () }
}
