import Tensors

/// Two coupled iterates, each stepped by the image of the other, so that every step can be undone.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .paired(), estimator: .reversible()) { z in
///   (z.matmul(w) + x).tanh()
/// }
/// ```
/// With the relaxation b (McCallum and Foster 2025, "Reversible Deep Equilibrium Models"),
///
///     y_{n+1} = (1 - b) y_n + b f(z_n),   z_{n+1} = (1 - b) z_n + b f(y_{n+1}),   y_0 = z_0
///
/// Here the two are one sequence z_0, y_1, z_1, y_2, ... of which each iterate p_k takes an evaluation:
///
///     p_{k+1} = (1 - b) p_{k-1} + b f(p_k),   p_0 = p_{-1} = z_0
///
/// so that n evaluations are n / 2 of the published steps. Solved for its oldest term it goes backwards,
/// p_{k-1} = (p_{k+1} - b f(p_k)) / (1 - b), which is what `ReversibleAdjoint` makes use of.
///
/// An eigenvalue l of J becomes two of the iteration, the roots of m^2 - b l m - (1 - b) = 0. It
/// converges where l lies in the ellipse |Re l| < 1, |Im l| < (2 - b) / b (half axes; b = .5: 1 and 3):
/// wherever Picard iteration does, and on spirals where that does not. One that contracts by .9 contracts
/// by .967 here, so that plain iteration takes a third of the evaluations.
///
/// The method remembers one iterate.
public struct PairedIteration: ForwardSolver {
  /// The share b of the image in each step, in (0, 1).
  public let relaxation: Double

  /// The history: the iterate before the present one, [rows, n].
  public struct History: PerSample {
    fileprivate var former: Tensor?

    /// Shows the iterate to the visitor.
    public mutating func visit(_ visitor: inout some SampleVisitor) { visitor.visit(&former) }
  }

  /// A paired iteration.
  ///
  /// Stops when `relaxation` is outside (0, 1).
  ///
  /// - Parameter relaxation: the share b of the image in each step; default 0.5, with which errors
  ///   may double in a step back. A larger share takes larger steps, and loses more digits on the
  ///   way back; with 1 there is no way back. A step is lost in rounding if b times the residual is
  ///   less than half a unit in the last place, so a tolerance at the dtype's resolution needs a
  ///   larger share.
  public init(relaxation: Double = 0.5) {
    expect(
      relaxation > 0 && relaxation < 1,
      "the relaxation of a paired iteration must lie in (0, 1), not \(relaxation): with 1 an iterate "
        + "forgets the one before, and nothing can be undone")
    self.relaxation = relaxation
  }

  /// A history without an iterate before the first.
  public func makeHistory() -> History { History() }

  /// The next iterate, (1 - b) p_{k-1} + b f(p_k).
  public func next(after point: Iterate, _ history: inout History) -> Tensor {
    let former = history.former ?? point.z
    history.former = point.z
    return step(from: former, image: point.image)
  }

  /// p_{k+1}, computed from p_{k-1} and f(p_k).
  package func step(from former: Tensor, image: Tensor) -> Tensor {
    former * (1 - relaxation) + image * relaxation
  }

  /// p_{k-1}, computed from p_{k+1} and f(p_k).
  package func former(before next: Tensor, image: Tensor) -> Tensor {
    (next - image * relaxation) * (1 / (1 - relaxation))
  }
}

extension ForwardSolver where Self == PairedIteration {
  /// The paired iteration, which can be undone step by step.
  public static func paired(relaxation: Double = 0.5) -> PairedIteration {
    PairedIteration(relaxation: relaxation)
  }
}
