import Tensors

/// Fixed-point iteration: z <- z + relaxation (f(z) - z).
///
/// It converges if the spectral radius of (1 - relaxation) I + relaxation J is below 1. With
/// relaxation 1 these are the contractions; a relaxation below 1 damps the iteration, which helps
/// where J has eigenvalues with real part below -1.
public struct Picard: ForwardSolver {
  /// The fraction of the step that is taken, in (0, 1]; 1 is the plain iteration z <- f(z).
  public let relaxation: Double

  /// A Picard iteration.
  ///
  /// Stops when `relaxation` is outside (0, 1].
  public init(relaxation: Double = 1) {
    expect(
      relaxation > 0 && relaxation <= 1,
      "the relaxation must lie in (0, 1], not \(relaxation): it is the fraction of each step that "
        + "is taken")
    self.relaxation = relaxation
  }

  /// The next iterate, z + relaxation (f(z) - z).
  public func next(after point: Iterate, _ history: inout NoHistory) -> Tensor {
    isPlainIteration ? point.image : point.z + point.residual * relaxation
  }

  /// Whether every step is a full one, so that residuals tell how much f contracts.
  public var isPlainIteration: Bool { relaxation == 1 }
}

extension ForwardSolver where Self == Picard {
  /// Fixed-point iteration, damped if `relaxation` is below 1.
  public static func picard(relaxation: Double = 1) -> Picard { Picard(relaxation: relaxation) }
}
