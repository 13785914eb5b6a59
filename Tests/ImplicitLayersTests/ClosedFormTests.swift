import ImplicitLayers
import Tensors
import TestSupport
import Testing

private let problems: [(String, ClosedFormProblem)] = [
  ("scalar cosine", .scalarCosine), ("rational linear", .rationalLinear),
  ("tanh, s = .25", .manufacturedTanh(0.25)), ("tanh, s = .45", .manufacturedTanh(0.45)),
  ("four orbits", .keplerBatch),
]
private let solvers: [(String, any ForwardSolver)] = [
  ("Picard", .picard()), ("damped Picard", .picard(damping: 0.7)), ("Anderson", .anderson()),
  ("mixed Anderson", .anderson(depth: 3, mixing: 0.6)), ("Broyden", .broyden()),
  ("Newton-Krylov", .newtonKrylov()), ("automatic", .automatic),
]
/// Estimators that are exact at convergence.
private let exactEstimators: [(String, any BackwardEstimator)] = [
  ("exact adjoint", .exact), ("Neumann series of 200 terms", .neumann(terms: 200)),
  ("unrolled", .unrolled),
]
private let tight = StoppingRule.tolerance(relative: 0, absolute: 2e-15, within: 400)

/// L and the gradients of a problem.
private func solve(
  _ problem: ClosedFormProblem, _ solver: any ForwardSolver, _ estimator: any BackwardEstimator,
  dtype: DType = .float64, until rule: StoppingRule = tight
) throws -> (z: Tensor, gradients: [Tensor]) {
  let parameters = problem.parameters.map { $0.converted(to: dtype).variable() }
  let z = try fixedPoint(
    from: problem.initial.converted(to: dtype), using: solver, estimator: estimator, until: rule
  ) { problem.map($0, parameters) }
  let table = try gradients(of: problem.loss(z))
  return (z.detached(), try parameters.map { try #require(table[$0]) })
}

@Suite struct ClosedFormTests {
  @Test("every solver x every exact estimator x every problem, float64")
  func exactness() throws {
    for (problemName, problem) in problems {
      for (solverName, solver) in solvers {
        for (estimatorName, estimator) in exactEstimators {
          let result = try solve(problem, solver, estimator)
          let what = "\(problemName), \(solverName), \(estimatorName)"
          #expect(
            difference(result.z, problem.solution, relative: 1e-12, absolute: 1e-12) == nil,
            "\(what)")
          for (gradient, expected) in zip(result.gradients, problem.gradients) {
            #expect(
              difference(gradient, expected, relative: 1e-10, absolute: 1e-10) == nil, "\(what)")
          }
        }
      }
    }
  }

  @Test(
    "float32 is accurate to its own precision",
    arguments: [
      StoppingRule.evaluations(100), .tolerance(relative: 1e-7, within: 100),
    ])
  func singlePrecision(_ rule: StoppingRule) throws {
    for (name, problem) in problems {
      for (solverName, solver) in solvers {
        for (estimatorName, estimator) in exactEstimators {
          // Unrolled derivatives lag behind the residual: no tolerance on it bounds their error.
          if estimatorName == "unrolled" && rule.tolerance != nil { continue }
          let what = "\(name), \(solverName), \(estimatorName)"
          let result = try solve(problem, solver, estimator, dtype: .float32, until: rule)
          #expect(difference(result.z, problem.solution, relative: 1e-6) == nil, "\(what)")
          for (gradient, expected) in zip(result.gradients, problem.gradients) {
            #expect(difference(gradient, expected, relative: 1e-5) == nil, "\(what)")
          }
        }
      }
    }
  }

  /// The manufactured solution's own gradients, against digits computed elsewhere to 40 places.
  @Test(arguments: [
    (0.25, 0.5940434668386485286336, 0.2234525568309306023680, 2.239905117050475628497),
    (0.45, 1.005251547181448957922, -0.1555149905389811333308, 2.961167305595742692003),
  ])
  func publishedDigits(_ s: Double, _ first: Double, _ last: Double, _ norm: Double) throws {
    let gradient = try solve(.manufacturedTanh(s), .picard(), .exact).gradients[1].scalars
    #expect(abs(gradient[0] - first) < 1e-10)
    #expect(abs(gradient[7] - last) < 1e-10)
    #expect(abs(gradient.map { $0 * $0 }.reduce(0, +).squareRoot() - norm) < 1e-10)
  }

  @Test("k terms of the series for the scalar cosine: 1 - J^k of the exact gradient")
  func biasOfTheSeries() throws {
    let ratios = [
      1: 1.673612029, 2: 0.5462468341, 3: 1.305653591, 5: 1.138691284, 10: 0.9807647276,
    ]
    let exact = -0.297474341509832260557941
    for (terms, ratio) in ratios {
      let gradient = try solve(.scalarCosine, .picard(), .neumann(terms: terms)).gradients[0]
      #expect(abs(gradient.scalar / exact - ratio) < 1e-9, "\(terms) terms")
    }
  }

  @Test("one step on the rational map: right direction, a quarter of the length")
  func oneStepOnTheRationalMap() throws {
    let problem = ClosedFormProblem.rationalLinear
    let estimate = try solve(problem, .picard(), .oneStep).gradients[1].scalars
    let exact = problem.gradients[1].scalars
    let dot = zip(estimate, exact).map(*).reduce(0, +)
    let norms = [estimate, exact].map { $0.map { $0 * $0 }.reduce(0, +).squareRoot() }
    #expect(abs(dot / (norms[0] * norms[1]) - 0.9950168651) < 1e-9)
    #expect(abs(norms[0] / norms[1] - 0.2525295754) < 1e-9)
    #expect(abs(problem.gradients[0].scalars[0] - 9152.0 / 49) < 1e-12)
    #expect(abs(problem.gradients[0].scalars[8] - 15360.0 / 49) < 1e-12)
  }

  @Test(
    "relative error of truncated series on the tanh problem",
    arguments: [
      (0.25, 1, 0.373), (0.25, 5, 4.2e-3), (0.25, 10, 2.1e-5),
      (0.45, 1, 0.686), (0.45, 5, 7.8e-2), (0.45, 10, 6.1e-3),
    ])
  func truncationError(_ s: Double, _ terms: Int, _ expected: Double) throws {
    let problem = ClosedFormProblem.manufacturedTanh(s)
    let estimate = try solve(problem, .picard(), .neumann(terms: terms)).gradients[1]
    let error = (estimate - problem.gradients[1]).reshaped([1, 8]).normsOfSamples[0]
    let relative = error / problem.gradients[1].reshaped([1, 8]).normsOfSamples[0]
    #expect(abs(relative / expected - 1) < 0.02, "relative error \(relative)")
  }

  @Test("Picard takes the known number of steps", arguments: [(0.25, 25), (0.45, 53)])
  func stepCounts(_ s: Double, _ steps: Int) throws {
    let problem = ClosedFormProblem.manufacturedTanh(s)
    let solution = try Picard().solve(
      { problem.map($0, problem.parameters) }, from: problem.initial,
      until: .tolerance(relative: 0, absolute: 1e-12, within: 100))
    #expect(solution.report.converged)
    #expect(abs(solution.report.evaluations - steps) <= 1)
  }

  @Test func gradientsWithRespectToTheInitialState() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    let initial = problem.initial.variable()
    for (name, estimator) in exactEstimators {
      let z = try fixedPoint(
        from: initial, estimator: estimator, until: .evaluations(3)
      ) { problem.map($0, problem.parameters.map { $0.variable() }) }
      let gradient = try gradients(of: z.sum())[initial]
      #expect((gradient != nil) == (name == "unrolled"), "\(name)")
    }
  }

  @Test("scaling the cotangent by powers of two scales the gradient exactly")
  func scalingIsExact() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    for (name, estimator) in exactEstimators {
      let gradientsAtScale = try [-40, 0, 40].map { power -> [Double] in
        let b = problem.parameters[1].variable()
        let z = try fixedPoint(
          from: problem.initial, estimator: estimator, until: .evaluations(30)
        ) { problem.map($0, [problem.parameters[0], b]) }
        let factor = Double(sign: .plus, exponent: power, significand: 1)
        return try #require(gradients(of: (z * factor).sum())[b]).scalars.map { $0 / factor }
      }
      #expect(gradientsAtScale[0] == gradientsAtScale[1], "\(name)")
      #expect(gradientsAtScale[2] == gradientsAtScale[1], "\(name)")
    }
  }
}
