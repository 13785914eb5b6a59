import ImplicitLayers
import Tensors

/// The result of a comparison of estimators.
///
/// Prints as an aligned table (`table`), and writes itself as `markdown`, `csv` and `json`. Numbers
/// that are not defined or were not measured are nil.
public struct ComparisonReport: Sendable, Codable {
  /// A sample of the batch.
  public struct Sample: Sendable, Codable, Equatable, CustomStringConvertible {
    /// Its position in the batch.
    public let position: Int
    /// How its solve ended.
    public let outcome: String
    /// |f(z) - z| / |f(z)| at z*; nil if it is not finite.
    public let relativeResidual: Double?
    /// The evaluations until it was settled; nil where z* was given.
    public let evaluations: Int?
    /// Whether it counts in the figures.
    public let isKept: Bool

    /// "sample 1 (diverged after 12 evaluations, relative residual 3.1e+04)".
    public var description: String {
      let after = evaluations.map { " after \($0) evaluations" } ?? ""
      let residual = relativeResidual.map { FigureText.scientific($0) } ?? "not finite"
      return "sample \(position) (\(outcome)\(after), relative residual \(residual))"
    }
  }

  /// What is known of J at z*: its spectral radius and its norm, sample by sample.
  public struct Spectrum: Sendable, Codable {
    /// The largest modulus of an eigenvalue, per sample that counts.
    public let radii: [Double]
    /// |J|_2, per sample that counts.
    public let norms: [Double]
    /// "dense J" or "power iteration".
    public let method: String
  }

  /// The relative error that theory predicts for a series of k terms.
  ///
  /// With M = (1 - tau) I + tau J^T, the series is (I - M^k) u: the adjoint is off by -M^k u, and
  /// the gradient by what that becomes in the parameters. Exact up to rounding, as J is the same in
  /// every term.
  public struct Prediction: Sendable, Codable {
    /// The predicted error of each group of parameters.
    public let groups: [Double?]
    /// The predicted error of all groups together.
    public let overall: Double?
    /// rho(M)^k of the slowest sample: how the error falls in the long run; nil without a
    /// dense J.
    public let decay: Double?
  }

  /// One estimator.
  public struct Row: Sendable, Codable {
    /// The estimator's name.
    public let name: String
    /// The family of the estimator, "series" or "Krylov" for instance; its name if it has no
    /// family.
    public let family: String
    /// The figures of each group, in the order of `groupNames`; empty if the estimator failed.
    public internal(set) var groups: [GradientFigures] = []
    /// The figures of all groups together; nil if the estimator failed.
    public internal(set) var overall: GradientFigures?
    /// |w - u| / |u| of each sample that counts; nil for estimators that have no w, and samples
    /// whose u is zero.
    public internal(set) var adjointErrors: [Double?]?
    /// The error that theory predicts for a series of k terms; nil for other estimators.
    public internal(set) var predicted: Prediction?
    /// Evaluations of f, forward and backward, on the whole batch or a part of it.
    ///
    /// An implicit estimator records one at z*: it is one more than the solve takes under a tolerance, and
    /// the last of a fixed number.
    public internal(set) var evaluations: Int?
    /// Passes back through an application of f, on the whole batch: products with J^T, and the
    /// last one, to the parameters.
    ///
    /// Products J s, which unrolling through Newton's method takes, are not among them.
    public internal(set) var pullbacks: Int?
    /// The median time of a forward pass.
    public internal(set) var forwardSeconds: Double?
    /// The median time of a backward pass.
    public internal(set) var backwardSeconds: Double?
    /// The most bytes of tensors alive at once, beyond those before the pass.
    public internal(set) var peakBytes: Int?
    /// Nodes on the tape between the passes.
    public internal(set) var tapeNodes: Int?
    /// How the backward solve ended, in words; why an estimator does not apply, or is not timed.
    public internal(set) var status: String
    /// The samples whose backward solve failed, and which the figures therefore leave out.
    public internal(set) var failedSamples: [Int] = []

    /// The lowest cosine of any group: a wrong gradient of few parameters does not show in that
    /// of all.
    ///
    /// Groups with less than 1e-6 of the reference's norm do not count: their gradients are noise.
    public var lowestCosine: Double? {
      ([overall] + groups).filter { ($0?.share ?? 0) >= 1e-6 }.compactMap { $0?.cosine }.min()
    }
  }

  /// The groups of parameters.
  public let groupNames: [String]
  /// The estimators, in the order in which they were given.
  public let rows: [Row]
  /// A description of the reference gradient, and how well it solved its system.
  public let reference: String
  /// The solver of the forward pass.
  public let solver: String
  /// The dtype of the state.
  public let dtype: String
  /// Numbers per sample of the state.
  public let stateSize: Int
  /// Every sample of the batch.
  public let samples: [Sample]
  /// J at z*; nil if it was not asked for.
  public let spectrum: Spectrum?
  /// How often time and memory were measured.
  public let repeats: Int
  /// A description of how the map mixes samples, which makes every figure here meaningless; nil if
  /// it does not.
  public let mixing: String?

  /// The samples that are left out because they have no fixed point.
  public var excludedSamples: [Sample] { samples.filter { !$0.isKept } }

  /// The largest |f(z) - z| / |f(z)| of the samples that count.
  public var forwardResidual: Double? {
    samples.filter(\.isKept).compactMap(\.relativeResidual).max()
  }

  /// The row of an estimator.
  public subscript(name: String) -> Row? { rows.first { $0.name == name } }
}
