/// A linear operator on a batch of samples: x -> A x, one A per sample.
///
/// Axis 0 is the batch and samples do not mix.
public typealias LinearOperator = (Tensor) throws -> Tensor

/// A method that solves A x = b for every sample and uses A only through products A x.
///
/// ```swift
/// let found = try GMRES(tolerance: 1e-8).solve(v) { w in try w - pullback(w) }
/// found.report.samples[0].relativeResidual
/// ```
/// Every sample has its own Krylov space, its own scalars and its own test of convergence;
/// the samples share only the calls of the operator.
public protocol LinearSolver: Sendable {
  /// Solves A x = b.
  ///
  /// A solve has no derivative: the methods of this library stop when b or a product A x is
  /// recorded.
  ///
  /// - Parameters:
  ///   - right: b, [batch, ...].
  ///   - initial: where to start; nil starts from 0 and saves one application.
  ///   - floors: for each sample, a relative residual below which there is nothing to gain, because
  ///     A or b is not known more accurately; a smaller tolerance is raised to it. Nil for none.
  ///   - preconditioner: an approximation of A^-1, applied on the right, so that the residual that
  ///     is tested is still that of A x = b. Nil for none.
  ///   - operator: x -> A x.
  /// - Returns: the solution and a report. A sample that does not converge is no error; its outcome
  ///   says so.
  /// - Throws: what the operators throw.
  func solve(
    _ right: Tensor, from initial: Tensor?, floors: [Double]?, preconditioner: LinearOperator?,
    applying operator: LinearOperator
  ) throws -> LinearSolution

  /// What the method is called in reports, with its tolerance: "GMRES to 1e-05".
  var name: String { get }
}

extension LinearSolver {
  /// Solves A x = b without floors; see `LinearSolver.solve`.
  public func solve(
    _ right: Tensor, from initial: Tensor? = nil, preconditioner: LinearOperator? = nil,
    applying operator: LinearOperator
  ) throws -> LinearSolution {
    try solve(
      right, from: initial, floors: nil, preconditioner: preconditioner, applying: `operator`)
  }

  /// The name of the type.
  public var name: String { "\(Self.self)" }
}

/// What a linear solve found, and how it went.
public struct LinearSolution: Sendable {
  /// x, of the right-hand side's shape; always finite where the right-hand side is.
  public let value: Tensor
  /// What happened, sample by sample.
  public let report: LinearSolveReport

  /// A solution from its parts.
  public init(value: Tensor, report: LinearSolveReport) {
    self.value = value
    self.report = report
  }
}

/// What happened in a linear solve.
public struct LinearSolveReport: Sendable, Equatable {
  /// One sample of the batch.
  public struct Sample: Sendable, Equatable {
    /// How it ended.
    public var outcome: Outcome
    /// |b - A x| / |b| at the returned x; 0 where b is 0, NaN where it was not measured.
    public var relativeResidual: Double
    /// The number of applications of A at which the sample was settled; in a backward solve each
    /// application is one pullback.
    public var applications: Int
    /// |b - A x| / |b| after each application, as the method knows it; empty if the method does not
    /// know it.
    ///
    /// The method needs these numbers anyway, so they cost nothing.
    public var trace: [Double]
    /// An estimate of the condition number |A| |A^-1|; nil if the method has none.
    public var condition: Double?

    /// An entry from its parts.
    public init(
      outcome: Outcome, relativeResidual: Double, applications: Int, trace: [Double] = [],
      condition: Double? = nil
    ) {
      self.outcome = outcome
      self.relativeResidual = relativeResidual
      self.applications = applications
      self.trace = trace
      self.condition = condition
    }
  }

  /// One entry per sample.
  public var samples: [Sample]
  /// The number of applications of A to the whole batch.
  public var applications: Int

  /// A report from its parts.
  public init(samples: [Sample], applications: Int) {
    self.samples = samples
    self.applications = applications
  }

  /// Whether every sample met its tolerance.
  public var converged: Bool { samples.allSatisfy { $0.outcome == .converged } }
}
