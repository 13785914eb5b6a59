import EstimatorComparison
import ImplicitLayers
import Tensors
import TestSupport
import Testing

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

  @Test("no sample at all is an error that names them")
  func nothingLeft() throws {
    let comparison = ScalarMaps([3, 4]).comparison(isRestrictable: true)
    let error = #expect(throws: NothingToCompare.self) { try comparison.report() }
    #expect(try #require(error).description.contains("sample 1 (diverged"))
  }
}
