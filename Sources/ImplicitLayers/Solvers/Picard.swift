import Tensors

/// Fixed-point iteration: z <- z + damping (f(z) - z).
///
/// Converges where the spectral radius of (1 - damping) I + damping J is below 1: undamped for
/// contractions; damping below 1 helps where J has eigenvalues with real part below -1.
public struct Picard: ForwardSolver {
  /// The fraction of the step that is taken, in (0, 1]; 1 is the plain iteration z <- f(z).
  public let damping: Double

  /// A Picard iteration.
  ///
  /// Stops when `damping` is outside (0, 1].
  public init(damping: Double = 1) {
    expect(damping > 0 && damping <= 1, "the damping must lie in (0, 1], not \(damping)")
    self.damping = damping
  }

  /// z + damping (f(z) - z).
  public func next(after point: Iterate, _ history: inout NoHistory) -> Tensor {
    isPlainIteration ? point.image : point.z + point.residual * damping
  }

  /// Whether nothing is held back.
  public var isPlainIteration: Bool { damping == 1 }
}

extension ForwardSolver where Self == Picard {
  /// Fixed-point iteration, damped if `damping` is below 1.
  public static func picard(damping: Double = 1) -> Picard { Picard(damping: damping) }
}
