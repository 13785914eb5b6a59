import EstimatorComparison
import ImplicitLayers
import Synchronization
import Tensors
import TestSupport
import Testing

/// The exact adjoint, which fails from the second time on that it is asked.
private final class FailsLater: AdjointEstimator {
  private let calls = Mutex(0)

  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let estimate = try ExactAdjoint().estimate(problem)
    let call = calls.withLock {
      $0 += 1
      return $0
    }
    guard call > 1, var report = estimate.report else { return estimate }
    for sample in report.samples.indices { report.samples[sample].outcome = .stalled }
    return AdjointEstimate(value: estimate.value, report: report)
  }
}

/// One bad sample in a batch: it is named, and the others' figures are those they have alone.
@Suite struct FailingSamplesTests {
  private let estimators = [
    ComparedEstimator("one step", .oneStep), ComparedEstimator("3 terms", .neumann(terms: 3)),
    ComparedEstimator("GMRES", .gmres(tolerance: 1e-12)), ComparedEstimator("unrolled", .unrolled),
  ]

  @Test(arguments: [true, false])
  func divergingSample(isRestrictable: Bool) throws {
    let factors = [0.5, 3, -0.4]
    var mixed = ScalarMaps(factors).comparison(isRestrictable: isRestrictable)
    mixed.estimators = estimators
    let report = try mixed.report()
    #expect(report.excludedSamples.map(\.position) == [1])
    #expect(report.excludedSamples.map(\.outcome) == ["diverged"])
    #expect(report.table.contains("left out, having no fixed point: sample 1 (diverged"))
    #expect(report.spectrum?.radii.count == 2)

    var good = try alone(ScalarMaps(factors), [0, 2])
    good.estimators = estimators
    let expected = try good.report()
    for ((row, other), compared) in zip(zip(report.rows, expected.rows), estimators) {
      let (a, b) = (try #require(row.overall), try #require(other.overall))
      #expect(abs(try #require(a.cosine) - (try #require(b.cosine))) < 1e-9, "\(row.name)")
      #expect(
        abs(try #require(a.relativeError) - (try #require(b.relativeError))) < 1e-9, "\(row.name)")
      #expect(row.adjointErrors?.count == (compared.estimator.adjoint == nil ? nil : 2))
    }
    #expect(try #require(report["one step"]?.overall?.relativeError) > 0.1)
  }

  /// The comparison on the samples at the given positions alone.
  private func alone(_ maps: ScalarMaps, _ positions: [Int]) throws -> EstimatorComparison {
    let (a, x, weight) = (maps.a.samples(positions), maps.x.samples(positions), maps.weight)
    var comparison = EstimatorComparison(
      of: FixedPointMap { z in a * z + z.matmul(weight).tanh() * 0.3 + x }, from: x,
      until: .tolerance(relative: 0, absolute: 1e-13, limit: 400),
      parameters: [ParameterGroup("weight", [weight])]
    ) { $0.square().sum() }
    comparison.repeats = 0
    return comparison
  }

  @Test("a sample whose input is NaN, on a map that can do without it")
  func notFinite() throws {
    var mixed = ScalarMaps([0.5, .nan, -0.4]).comparison(isRestrictable: true)
    mixed.estimators = estimators
    let report = try mixed.report()
    #expect(report.excludedSamples.map(\.position) == [1])
    #expect(report.rows.allSatisfy { $0.overall?.cosine != nil })
  }

  @Test("a backward solve that fails in one sample keeps the figures of the others")
  func failingBackwardSolve() throws {
    // Newton's method finds the fixed point of every sample; adjoint Picard iteration diverges where
    // the factor is 3.
    let maps = ScalarMaps([0.5, 3, -0.4])
    var comparison = EstimatorComparison(
      of: maps.map(isRestrictable: true), from: maps.x, using: .newtonKrylov(),
      until: .tolerance(relative: 0, absolute: 1e-12, limit: 100),
      parameters: [ParameterGroup("weight", [maps.weight])]
    ) { $0.square().sum() }
    comparison.repeats = 0
    comparison.estimators = [
      ComparedEstimator("Picard", .iterative(.picard(), tolerance: 1e-10, limit: 200)),
      ComparedEstimator("exact", .exact),
    ]
    let report = try comparison.report()
    #expect(report.excludedSamples.isEmpty)
    let row = try #require(report["Picard"])
    #expect(row.failedSamples == [1])
    #expect(row.status.hasPrefix("failed in 1; converged"))
    #expect(try #require(row.overall?.relativeError) < 1e-8)
    #expect(report["exact"]?.failedSamples == [])
  }

  /// Where J is c I, |w| = |v| / (1 - c); J at what the solve found is known only to its residual, and
  /// a tenth of |v| or more is lost in |w|.
  @Test(
    "times are measured wherever figures are, though the adjoint is long",
    arguments: [
      (factor: 0.999, relative: 1e-6, limit: 1000, outcome: "limitReached"),
      (factor: 0.9999, relative: 1e-3, limit: 8000, outcome: "converged"),
    ])
  func longAdjoint(
    _ factor: Double, _ relative: Double, _ limit: Int, _ outcome: String
  ) throws {
    let a = Tensor([1, -2], shape: [1, 2], dtype: .float64).variable()
    var comparison = EstimatorComparison(
      of: FixedPointMap { z in z * factor + a * (1 - factor) }, from: a.zerosLike(),
      until: .tolerance(relative: relative, limit: limit), parameters: [ParameterGroup("a", [a])]
    ) { $0.square().sum() }
    comparison.repeats = 1
    let report = try comparison.report()
    #expect(report.samples.map(\.outcome) == [outcome])
    let residual = try #require(report.forwardResidual)
    #expect(residual / (1 - factor) >= 0.1 && residual <= comparison.largestResidual)
    for name in ["one step", "GMRES", "BiCGStab", "exact (LU)", "unrolled"] {
      let row = try #require(report[name])
      #expect(row.overall != nil && row.failedSamples == [], "\(name): \(row.status)")
      #expect(row.forwardSeconds != nil && row.backwardSeconds != nil, "\(name): \(row.status)")
    }
    #expect(try #require(report["exact (LU)"]?.overall?.relativeError) < 1e-12)
    // A hundred terms and more are missing.
    #expect(report["adjoint Picard"]?.failedSamples == [0])
  }

  @Test("an estimator that fails while it is timed has its figures and says so")
  func failsLater() throws {
    var comparison = ScalarMaps([0.5, -0.4]).comparison(isRestrictable: true)
    comparison.repeats = 2
    comparison.estimators = [
      ComparedEstimator("later", FailsLater()), ComparedEstimator("exact", .exact),
    ]
    let report = try comparison.report()
    let row = try #require(report["later"])
    #expect(try #require(row.overall?.relativeError) < 1e-12)
    #expect(row.backwardSeconds == nil && row.peakBytes == nil)
    #expect(row.status.contains("; not timed: the adjoint (I - J^T) w = v was not solved"))
    #expect(report["exact"]?.backwardSeconds != nil)
  }

  @Test("a structure that J does not have is a row that says so")
  func wrongStructure() throws {
    var comparison = ScalarMaps([0.5, -0.4]).comparison(isRestrictable: true)
    comparison.estimators = [
      ComparedEstimator("diagonal", .exact(structure: .banded(lower: 0, upper: 0))),
      ComparedEstimator("exact", .exact),
    ]
    let report = try comparison.report()
    let row = try #require(report["diagonal"])
    #expect(row.overall == nil && row.status.hasPrefix("failed: the Jacobian of sample 0 has"))
    #expect(report["exact"]?.overall != nil)
  }

  @Test("an unrolled Newton step whose adjoint system is not solved is a row that says so")
  func unsolvedUnrolling() throws {
    // I - J is a cyclic shift of 64 numbers. GMRES gets nowhere with it before the 64th product, and is
    // restarted after 50; a dense matrix solves it at once.
    let order = IntTensor((0..<64).map { ($0 + 1) % 64 }, shape: [64])
    let c = Tensor([1] + Array(repeating: 0, count: 63), shape: [1, 64], dtype: .float64).variable()
    var comparison = EstimatorComparison(
      of: FixedPointMap { z in z - z.gathered(order, alongAxis: 1) + c }, from: c.zerosLike(),
      using: .newton(), until: .tolerance(relative: 0, absolute: 1e-12, limit: 20),
      parameters: [ParameterGroup("c", [c])]
    ) { $0.square().sum() }
    comparison.repeats = 0
    comparison.estimators = [
      ComparedEstimator("unrolled", .unrolled), ComparedEstimator(.exact),
    ]
    let report = try comparison.report()
    let row = try #require(report["unrolled"])
    #expect(row.overall == nil)
    #expect(row.status.hasPrefix("failed: the adjoint system of an unrolled Newton step"))
    #expect(try #require(report["exact adjoint"]?.overall?.relativeError) < 1e-12)
  }

  @Test("no sample at all is an error that names them")
  func nothingLeft() throws {
    let comparison = ScalarMaps([3, 4]).comparison(isRestrictable: true)
    let error = #expect(throws: NothingToCompare.self) { try comparison.report() }
    #expect(try #require(error).description.contains("sample 1 (diverged"))
  }
}
