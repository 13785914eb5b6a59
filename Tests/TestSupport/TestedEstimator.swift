import ImplicitLayers

/// A backward estimator, with what tests and tools know of it.
///
/// `all` is the only list of estimators that tests and the sweep of random cells read. `CatalogTests` fails
/// where an estimator of the library is missing.
public struct TestedEstimator: Sendable, CustomStringConvertible {
  /// What an estimator says of itself.
  public enum Promise: Sendable, Equatable {
    /// It meets the tolerance where it reports so.
    case tolerance
    /// It solves the system to working precision where it reports so.
    case workingPrecision
    /// Its adjoint is v.
    case cotangent
    /// Its adjoint is the sum of so many terms (J^T)^k v.
    case terms(Int)
    /// It estimates without a promise, but what residual it reports is true.
    case residualOnly
    /// It differentiates every step of the solve; the same as plain unrolling.
    case everyStep
    /// It differentiates some steps of the solve: at least the last, of which the gradient is v.
    case someSteps
  }

  /// What is known of an estimator, for the tests that ask for it.
  public struct Traits: OptionSet, Sendable {
    /// The bits.
    public let rawValue: Int
    /// Traits with these bits.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// It approximates nothing where its tolerance is small and its terms are many.
    public static let accurate = Traits(rawValue: 1)
    /// It measures its residual, so that the report says how each sample ended.
    public static let measured = Traits(rawValue: 2)
    /// A pass depends on the one before it.
    public static let remembers = Traits(rawValue: 4)
    /// Random cells are differentiated with it.
    public static let swept = Traits(rawValue: 8)
    /// Plain unrolling, with which every other form of it is compared.
    public static let plain = Traits(rawValue: 16)
  }

  /// What it is asked for.
  public struct Settings: Sendable {
    /// The relative accuracy of the adjoint.
    public var tolerance: Double
    /// What it must be good for: a series needs as many terms as the problem's contraction asks.
    ///
    /// Where it is nil, 100 terms.
    public var problem: ClosedFormProblem?
    /// What is done about samples that fail.
    public var onFailure: FailurePolicy

    /// Settings; default a series of 100 terms, and an error where a sample fails.
    public init(
      tolerance: Double, problem: ClosedFormProblem? = nil, onFailure: FailurePolicy = .throwing
    ) {
      (self.tolerance, self.problem, self.onFailure) = (tolerance, problem, onFailure)
    }

    func terms(relaxation: Double = 1) -> Int { problem?.iterations(relaxation: relaxation) ?? 100 }
  }

  /// What tests and reports call it.
  public let name: String
  /// What it says of itself.
  public let promise: Promise
  /// What is known of it.
  public let traits: Traits
  /// The terms and the relaxation of one that is biased by design, so that it is known what it makes of the
  /// adjoint.
  public let series: (terms: Int, relaxation: Double)?
  /// A new one; what estimates the adjoint, nil for one that differentiates iterations.
  public let makeAdjoint: (@Sendable (Settings) -> any AdjointEstimator)?
  private let makeWhole: @Sendable (Settings) -> any BackwardEstimator

  /// The name.
  public var description: String { name }

  /// The name as an argument of a program: "adjoint-picard".
  public var word: String { argument(of: name) }

  /// A new one: a memory remembers nothing yet.
  public func make(_ settings: Settings) -> any BackwardEstimator { makeWhole(settings) }

  /// Whether it cannot do without the inverse that a solver learned.
  public var needsInverse: Bool {
    make(Settings(tolerance: 1e-6)).inverseUse == .required
  }

  /// An estimator of the adjoint; also for a test that needs settings of its own beside the table's.
  public init(
    _ name: String, _ promise: Promise, _ traits: Traits = [],
    series: (terms: Int, relaxation: Double)? = nil,
    make: @escaping @Sendable (Settings) -> any AdjointEstimator
  ) {
    (self.name, self.promise, self.traits, self.series) = (name, promise, traits, series)
    makeAdjoint = make
    makeWhole = { make($0) }
  }

  /// An estimator that owns the whole solve.
  init(
    whole name: String, _ promise: Promise, _ traits: Traits,
    make: @escaping @Sendable (Settings) -> any BackwardEstimator
  ) {
    (self.name, self.promise, self.traits, series) = (name, promise, traits, nil)
    makeAdjoint = nil
    makeWhole = make
  }
}
