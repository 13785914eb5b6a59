import EstimatorComparison
import Foundation
import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct EstimatorComparisonTests {
  private static let tabulated: [(s: Double, terms: Int, relaxation: Double, error: String)] = [
    (0.25, 1, 1, "0.373"), (0.25, 5, 1, "4.2e-3"), (0.25, 10, 1, "2.1e-5"),
    (0.25, 5, 0.5, "0.133"), (0.25, 20, 0.5, "8e-5"), (0.45, 1, 1, "0.686"),
    (0.45, 5, 1, "7.8e-2"), (0.45, 10, 1, "6.1e-3"), (0.45, 5, 0.5, "0.306"),
    (0.45, 20, 0.5, "1.8e-3"),
  ]

  @Test("errors of dL/db on the tanh problem, to the digits that are known")
  func tabulatedErrors() throws {
    for s in [0.25, 0.45] {
      let cases = EstimatorComparisonTests.tabulated.filter { $0.s == s }
      let report = try comparison(
        .manufacturedTanh(s),
        estimators: cases.map {
          ComparedEstimator(
            "\($0.terms), \($0.relaxation)", .neumann(terms: $0.terms, relaxation: $0.relaxation))
        }
      ).report()
      #expect(report.reference.hasPrefix("exact adjoint (dense LU), n = 8"))
      for (row, known) in zip(report.rows, cases) {
        let error = try #require(row.groups[1].relativeError)
        #expect(digits(error, as: known.error) == known.error, "s \(s), \(row.name): \(error)")
        let predicted = try #require(row.predicted?.groups[1])
        #expect(abs(predicted - error) < 1e-10, "s \(s), \(row.name)")
      }
    }
  }

  @Test("what is computed from variables has no gradient to compare, and is no parameter")
  func computed() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = ParameterGroup("w", [Tensor([0.25]).variable() * 2])
    }
    #expect(
      errorText(result).contains(
        "in the parameter group \"w\" is computed from variables, without a gradient of its own"))
  }

  /// A number rounded to as many digits as the text has, in its form.
  private func digits(_ number: Double, as text: String) -> String {
    let mantissa = text.prefix { $0 != "e" }
    let decimals = mantissa.split(separator: ".").dropFirst().first?.count ?? 0
    guard let exponent = text.split(separator: "e").dropFirst().first.flatMap({ Int($0) }) else {
      return String(format: "%.\(decimals)f", number)
    }
    return String(format: "%.\(decimals)fe%d", number * pow(10, Double(-exponent)), exponent)
  }

  @Test("spectral radius and norm of the tanh problem")
  func spectrum() throws {
    for (s, radius, norm) in [(0.25, 0.33345950, 0.63900754), (0.45, 0.60022710, 1.15021358)] {
      let report = try comparison(.manufacturedTanh(s), estimators: []).report()
      let spectrum = try #require(report.spectrum)
      #expect(abs(spectrum.radii[0] - radius) < 1e-6, "\(spectrum.radii)")
      #expect(abs(spectrum.norms[0] - norm) < 1e-7, "\(spectrum.norms)")
      #expect(try #require(report.forwardResidual) < 1e-14)
    }
  }

  @Test("predicted and seen errors of a linear map agree to 1e-10")
  func linearPrediction() throws {
    let terms = (1...12).flatMap { terms in
      [1.0, 0.7, 0.5].map { ComparedEstimator("", .neumann(terms: terms, relaxation: $0)) }
    }
    let report = try comparison(.rationalLinear, names: ["A", "b"], estimators: terms).report()
    for row in report.rows {
      for (figures, predicted) in zip(row.groups, try #require(row.predicted?.groups)) {
        let seen = try #require(figures.relativeError)
        #expect(abs(seen - (try #require(predicted))) < 1e-10)
        #expect(seen > 1e-3)
      }
    }
    #expect(abs(try #require(report.rows[0].overall?.cosine) - 0.9950168651) < 0.01)
    // Of the one-step gradient dL/db = z* alone.
    #expect(abs(try #require(report.rows[0].groups[1].cosine) - 0.9950168651) < 1e-10)
    #expect(abs(try #require(report.rows[0].groups[1].normRatio) - 0.2525295754) < 1e-10)
  }

  @Test("every accurate estimator has cosine 1, and counts what it does")
  func allThatApply() throws {
    let report = try comparison(.manufacturedTanh(0.45)).report()
    let accurate = [
      "adjoint Picard", "adjoint Anderson", "GMRES", "BiCGStab", "exact (LU)", "least squares",
      "unrolled, checkpoints", "unrolled",
    ]
    for name in accurate {
      let row = try #require(report[name])
      #expect(try #require(row.overall?.relativeError) < 1e-9, "\(name)")
      #expect(try #require(row.lowestCosine) > 1 - 1e-12, "\(name)")
      #expect(abs(try #require(row.overall?.normRatio) - 1) < 1e-9, "\(name)")
    }
    // A series of k terms takes k passes back, one of them to the parameters; the dense adjoint n.
    #expect(report["one step"]?.pullbacks == 1)
    #expect(report["10 terms"]?.pullbacks == 10)
    #expect(report["exact (LU)"]?.pullbacks == 8 + 1)
    let solve = try #require(report.samples.first?.evaluations)
    // Under a tolerance an implicit estimator records one application more, at z*.
    #expect(report["one step"]?.evaluations == solve + 1)
    #expect(report["exact (LU)"]?.evaluations == solve + 1)
    #expect(report["unrolled"]?.evaluations == solve)
    #expect(try #require(report["unrolled"]?.pullbacks) >= solve - 1)
    #expect(report["reused inverse"] == nil)
  }

  @Test(
    "evaluations are those of a forward and a backward pass, counted by the map",
    arguments: [StoppingRule.tolerance(relative: 1e-6, limit: 100), .evaluations(7)])
  func evaluations(_ rule: StoppingRule) throws {
    let w = testTensor([4, 4], seed: 3, scale: 0.4).variable()
    let x = testTensor([1, 4], seed: 8)
    var count = 0
    let map = { (z: Tensor) -> Tensor in
      count += 1
      return (z.matmul(w) + x).tanh()
    }
    var comparison = EstimatorComparison(
      of: FixedPointMap(map), from: x.zerosLike(), until: rule,
      parameters: [ParameterGroup("w", [w])]
    ) { $0.square().sum() }
    comparison.repeats = 0
    let estimators: [any BackwardEstimator] = [
      .oneStep, .exact, .gmres(), .unrolled, .unrolled(lastSteps: 3),
      .unrolled(keeping: .squareRoot),
    ]
    comparison.estimators = estimators.map { ComparedEstimator($0.name, $0) }
    let report = try comparison.report()
    for estimator in estimators {
      count = 0
      let z = try fixedPoint(from: x.zerosLike(), estimator: estimator, until: rule, map)
      _ = try gradients(of: z.square().sum())
      #expect(report[estimator.name]?.evaluations == count, "\(estimator.name)")
    }
  }

  @Test("unrolling over Newton's method takes products, not a pullback for each unknown")
  func unrolledNewton() throws {
    let w = testTensor([40, 40], seed: 3, scale: 0.1).variable()
    let x = testTensor([1, 40], seed: 8)
    var comparison = EstimatorComparison(
      of: FixedPointMap { z in (z.matmul(w) + x).tanh() }, from: x.zerosLike(),
      using: .newtonKrylov(), until: .tolerance(relative: 1e-12, limit: 60),
      parameters: [ParameterGroup("w", [w])]
    ) { $0.square().sum() }
    comparison.repeats = 0
    comparison.estimators = [ComparedEstimator("unrolled", .unrolled)]
    let row = try #require(try comparison.report()["unrolled"])
    #expect(try #require(row.pullbacks) < 40)
    #expect(try #require(row.overall?.relativeError) < 1e-9)
  }

  @Test("no estimator of the library's catalog is left out where all apply")
  func catalog() {
    let kind = { (value: any BackwardEstimator) in "\(type(of: value))" }
    let catalog = Catalog.estimators(tolerance: 1e-9)
    let known = Set(catalog.entries.flatMap(\.examples).compactMap { catalog.value($0).map(kind) })
    let compared = ComparedEstimator.all(
      stateSize: 8, dtype: .float64, hasInverse: true, canUnroll: true)
    // Both wrap another one, whose gradients of the parameters they have.
    let wrappers: Set = ["Measured", "StraightThrough"]
    #expect(wrappers.isSubset(of: known), "a name of an estimator has changed")
    #expect(known.subtracting(wrappers).isSubset(of: compared.map { kind($0.estimator) }))
  }

  @Test("single precision: tolerances and the reference are what it resolves")
  func singlePrecision() throws {
    let report = try comparison(.manufacturedTanh(0.45), dtype: .float32).report()
    #expect(report.dtype == "float32")
    for name in ["adjoint Picard", "GMRES", "BiCGStab", "least squares", "unrolled"] {
      #expect(try #require(report[name]?.overall?.relativeError) < 1e-4, "\(name)")
    }
    #expect(abs(try #require(report["one step"]?.groups[1].relativeError) - 0.686) < 1e-3)
  }

  @Test("a large state: GMRES is the reference, theory goes without the dense J")
  func largeState() throws {
    let n = 640
    let w = testTensor([n, n], seed: 3, scale: 0.9 / Double(n).squareRoot()).variable()
    let x = testTensor([1, n], seed: 8)
    var comparison = EstimatorComparison(
      of: FixedPointMap { z in (z.matmul(w) + x).tanh() }, from: x.zerosLike(),
      until: .tolerance(relative: 1e-14, limit: 400), parameters: [ParameterGroup("w", [w])],
      cotangent: testTensor([1, n], seed: 9))
    comparison.repeats = 0
    comparison.estimators = [
      ComparedEstimator("exact", .exact), ComparedEstimator("3 terms", .neumann(terms: 3)),
    ]
    let report = try comparison.report()
    #expect(report.reference.hasPrefix("GMRES to 1.00e-12, n = 640, relative residual "))
    #expect(report.spectrum?.method == "power iteration")
    #expect(try #require(report["exact"]?.overall?.relativeError) < 1e-11)
    let row = try #require(report["3 terms"])
    let (seen, predicted) = (row.overall?.relativeError, row.predicted?.overall)
    #expect(abs(try #require(seen) - (try #require(predicted))) < 1e-10)
    #expect(try #require(seen) > 1e-3)
  }

  @Test("a layer is compared with its own solver, rule and loss")
  func layer() throws {
    struct Cell: FixedPointLayer {
      let w: Tensor
      let solver: any ForwardSolver = .anderson(depth: 3)
      let estimator: any BackwardEstimator = .oneStep
      let stoppingRule = StoppingRule.tolerance(relative: 1e-13, limit: 200)
      func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
      func step(_ z: Tensor, given x: Tensor) -> Tensor { (z.matmul(w) + x).tanh() }
    }
    let cell = Cell(w: testTensor([5, 5], scale: 0.4).variable())
    let x = testTensor([3, 5], seed: 3).variable()
    var comparison = try EstimatorComparison(
      of: cell, input: x, parameters: [.init("w", [cell.w]), .init("x", [x])]
    ) { $0.square().sum() }
    comparison.repeats = 0
    comparison.estimators = [
      ComparedEstimator("unrolled", .unrolled), ComparedEstimator("one step", .oneStep),
    ]
    let report = try comparison.report()
    #expect(report.solver.contains("Anderson"))
    #expect(try #require(report["unrolled"]?.overall?.relativeError) < 1e-9)
    // What the layer itself gives.
    let table = try gradients(of: try cell(x).square().sum())
    let exact = try fixedPoint(
      from: x.zerosLike(), until: .tolerance(relative: 1e-14, limit: 500)
    ) { z in (z.matmul(cell.w) + x).tanh() }
    let expected = try gradients(of: exact.square().sum())
    let own = relativeError(try #require(table[cell.w]), try #require(expected[cell.w]))
    #expect(abs(try #require(report["one step"]?.groups[0].relativeError) - own) < 1e-9)
  }

  @Test("the inverse that a quasi-Newton solver learned is compared, too")
  func reusedInverse() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.25)
    let parameters = problem.parameters.map { $0.variable() }
    var comparison = EstimatorComparison(
      of: FixedPointMap { problem.map($0, parameters) }, from: problem.initial,
      using: .broyden(updates: 50), until: .tolerance(relative: 0, absolute: 1e-12, limit: 100),
      parameters: [ParameterGroup("all", parameters)], loss: problem.loss)
    comparison.repeats = 0
    let error = try #require(try comparison.report()["reused inverse"]?.overall?.relativeError)
    #expect(error > 0.01 && error < 0.5)
  }

  @Test(
    "a planted wrong adjoint has a cosine below .99",
    arguments: [
      ("sign", WrongSign() as any AdjointEstimator), ("transpose", ForgottenTranspose()),
      ("missing term", MissingTerm()),
    ])
  func planted(_ name: String, _ estimator: any AdjointEstimator) throws {
    for problem in [0.25, 0.45].map({ ClosedFormProblem.manufacturedTanh($0) }) {
      let report = try comparison(
        problem,
        estimators: [ComparedEstimator(name, estimator), ComparedEstimator("right", .exact)]
      ).report()
      #expect(try #require(report[name]?.lowestCosine) < 0.99, "\(problem)")
      #expect(try #require(report["right"]?.lowestCosine) > 0.99, "\(problem)")
    }
  }

  @Test("a comparison at a given point runs no solve and agrees with one that does")
  func givenPoint() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    let parameters = problem.parameters.map { $0.variable() }
    var evaluations = 0
    var comparison = EstimatorComparison(
      of: FixedPointMap { z in
        evaluations += 1
        return problem.map(z, parameters)
      }, at: problem.solution,
      parameters: zip(["W", "b"], parameters).map { ParameterGroup($0, [$1]) },
      cotangent: .ones([1, 8], dtype: .float64))
    comparison.measuresSpectrum = false
    comparison.reference = .estimator(ComparedEstimator("GMRES", .gmres(tolerance: 1e-12)))
    comparison.estimators = [
      ComparedEstimator("one step", .oneStep), ComparedEstimator("unrolled", .unrolled),
    ]
    let report = try comparison.report()
    // One each for the residual, the reference and one step, and two for what theory says of that: its
    // products with J^T, and what they become in the parameters.
    #expect(evaluations == 5)
    #expect(abs(try #require(report["one step"]?.groups[1].relativeError) - 0.686) < 5e-4)
    #expect(report["unrolled"]?.overall == nil)
    #expect(try #require(report["unrolled"]?.status).contains("z* was given"))
    #expect(report.spectrum == nil)
  }

  @Test("a state of several tensors with a singular I - J: least squares is the reference")
  func singular() throws {
    // x and y exchange what they have: x + y is conserved, so fixed points form a line.
    struct Pair: FixedPointState {
      var x: Tensor, y: Tensor
      var tensors: [Tensor] { [x, y] }
      init(tensors: [Tensor]) { (x, y) = (tensors[0], tensors[1]) }
    }
    let rate = Tensor([0.3], shape: [1, 1], dtype: .float64).variable()
    let start = Pair(tensors: [
      Tensor([2, 5], shape: [2, 1], dtype: .float64),
      Tensor([1, 4], shape: [2, 1], dtype: .float64),
    ])
    var comparison = EstimatorComparison(
      of: { (z: Pair) in
        let flow = (rate * z.x * z.x - z.y) * 0.2
        return Pair(tensors: [z.x - flow, z.y + flow])
      }, from: start, until: .tolerance(relative: 1e-14, limit: 2000),
      parameters: [ParameterGroup("rate", [rate])]
    ) { z in (z.x * z.y).sum() }
    comparison.repeats = 0
    comparison.estimators = [ComparedEstimator("exact", .exact)]
    #expect(try comparison.report().reference.hasPrefix("least squares"))
  }
}
