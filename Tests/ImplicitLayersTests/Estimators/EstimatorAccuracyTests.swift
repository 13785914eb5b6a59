import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct EstimatorAccuracyTests {
  @Test("every accurate estimator x every problem, float64")
  func doublePrecision() throws {
    for (problemName, problem) in closedFormProblems {
      for (name, estimator) in accurateEstimators(1e-13) {
        let result = try differentiate(problem, estimator)
        let what = "\(problemName), \(name)"
        #expect(
          difference(result.solution.value, problem.solution, relative: 1e-12, absolute: 1e-12)
            == nil, "\(what)")
        for (gradient, expected) in zip(result.gradients, problem.gradients) {
          let gradient = try #require(gradient)
          #expect(
            difference(gradient, expected, relative: 1e-10, absolute: 1e-10) == nil, "\(what)")
        }
        #expect(result.initialGradient == nil, "\(what)")
      }
    }
  }

  @Test("every accurate estimator x every problem, float32")
  func singlePrecision() throws {
    for (problemName, problem) in closedFormProblems {
      for (name, estimator) in accurateEstimators(1e-6) {
        let result = try differentiate(
          problem, estimator, dtype: .float32, until: .evaluations(100))
        let what = "\(problemName), \(name)"
        #expect(
          difference(result.solution.value, problem.solution, relative: 1e-6) == nil, "\(what)")
        for (gradient, expected) in zip(result.gradients, problem.gradients) {
          let gradient = try #require(gradient)
          #expect(difference(gradient, expected, relative: 1e-5) == nil, "\(what)")
        }
      }
    }
  }

  @Test("orbits of which one needs a hundred times the iterations of another")
  func fiveOrbits() throws {
    let orbits = KeplerBatch.five
    let estimators: [(String, any BackwardEstimator)] = [
      ("exact", .exact), ("least squares", .leastSquares), ("GMRES", .gmres(tolerance: 1e-13)),
      ("BiCGStab", .biCGStab(tolerance: 1e-13)), ("Neumann", .neumann(terms: 2500)),
      ("adjoint Picard", .iterative(.picard(), tolerance: 1e-13, limit: 3000)),
      ("adjoint Anderson", .iterative(.anderson(), tolerance: 1e-13)),
      ("adjoint Broyden", .iterative(.broyden(), tolerance: 1e-13)),
      ("checkpoints", .unrolled(keeping: .squareRoot)),
      ("the last steps", .unrolled(lastSteps: 2000)),
    ]
    for (name, estimator) in estimators {
      let m = orbits.meanAnomalies.variable()
      let e = orbits.eccentricityColumn.variable()
      let solution = try estimator.solution(
        of: FixedPointMap { m + e * $0.sin() }, from: m.detached(), using: .picard(),
        until: .tolerance(relative: 0, absolute: 2e-15, within: 3000))
      let table = try gradients(of: solution.value.sum())
      #expect(difference(solution.value, orbits.solution, absolute: 1e-12) == nil, "\(name)")
      for (variable, expected) in [
        (m, orbits.derivativeByMeanAnomaly), (e, orbits.derivativeByEccentricity),
      ] {
        let gradient = try #require(table[variable])
        #expect(difference(gradient, expected, relative: 1e-10) == nil, "\(name)")
      }
    }
  }

  @Test("one step is wrong on every problem: the accuracy above is not for free")
  func negativeControl() throws {
    for (name, problem) in closedFormProblems {
      let gradient = try #require(try differentiate(problem, .oneStep).gradients.last ?? nil)
      #expect(relativeError(gradient, try #require(problem.gradients.last)) > 0.3, "\(name)")
    }
  }

  @Test(
    "damped terms on the scalar cosine: 1 - ((1 - tau) + tau J)^k of the exact gradient",
    arguments: [
      (1, 1.0, 1.673612029), (2, 1.0, 0.5462468341), (3, 1.0, 1.305653591),
      (5, 1.0, 1.138691284), (10, 1.0, 0.9807647276), (1, 0.5, 0.8368060146),
      (2, 0.5, 0.9733677231), (3, 0.5, 0.9956537726), (5, 0.5, 0.9998842501),
    ])
  func ratios(_ terms: Int, _ damping: Double, _ ratio: Double) throws {
    let result = try differentiate(.scalarCosine, .neumann(terms: terms, damping: damping))
    let gradient = try #require(result.gradients[0]).scalar
    #expect(abs(gradient / -0.297474341509832260557941 - ratio) < 1e-9)
  }

  @Test(
    "relative error of truncated series on the tanh problem",
    arguments: [
      (0.25, 1, 1.0, 0.373), (0.25, 5, 1.0, 4.2e-3), (0.25, 10, 1.0, 2.1e-5),
      (0.25, 5, 0.5, 0.133), (0.25, 20, 0.5, 8e-5), (0.45, 1, 1.0, 0.686), (0.45, 5, 1.0, 7.8e-2),
      (0.45, 10, 1.0, 6.1e-3), (0.45, 5, 0.5, 0.306), (0.45, 20, 0.5, 1.8e-3),
    ])
  func truncation(_ s: Double, _ terms: Int, _ damping: Double, _ expected: Double) throws {
    let problem = ClosedFormProblem.manufacturedTanh(s)
    let result = try differentiate(problem, .neumann(terms: terms, damping: damping))
    let error = relativeError(try #require(result.gradients[1]), problem.gradients[1])
    // The expected numbers have one to three digits.
    #expect(abs(error / expected - 1) < (expected == 8e-5 ? 0.06 : 0.03), "\(error)")
  }

  @Test("one batch of tanh problems that differ from sample to sample")
  func batch() throws {
    let sizes = [0.25, 0.45, 0.1]
    let problems = sizes.map { ClosedFormProblem.manufacturedTanh($0) }
    let w = Tensor.concatenated(problems.map { $0.parameters[0].reshaped([1, 8, 8]) }).variable()
    let b = Tensor.concatenated(problems.map { $0.parameters[1].reshaped([1, 8]) }).variable()
    for (name, estimator) in accurateEstimators(1e-13) {
      let solution = try estimator.solution(
        of: FixedPointMap { z in
          (w.matmul(z.reshaped([3, 8, 1])).reshaped([3, 8]) + b).tanh()
        }, from: .zeros([3, 8], dtype: .float64), using: .picard(),
        until: .tolerance(relative: 0, absolute: 2e-15, within: 400))
      let table = try gradients(of: solution.value.sum())
      for (sample, problem) in problems.enumerated() {
        let range = sample..<sample + 1
        let gradientB = try #require(table[b]).slice(range).reshaped([8])
        let gradientW = try #require(table[w]).slice(range).reshaped([8, 8])
        #expect(difference(gradientB, problem.gradients[1], relative: 1e-10) == nil, "\(name)")
        #expect(difference(gradientW, problem.gradients[0], relative: 1e-10) == nil, "\(name)")
      }
    }
  }
}

@Suite struct EstimatorIdentityTests {
  /// A linear map, a cotangent and the exact adjoint.
  private func linearProblem() throws -> (a: Tensor, v: Tensor, u: Tensor) {
    let a = testTensor([5, 5], seed: 4, scale: 0.35)
    let v = testTensor([2, 5], seed: 9)
    return (a, v, try ExactAdjoint().adjoint(of: v, through: linearPullback(a)))
  }

  @Test("k damped terms are (I - M^k) times the exact adjoint", arguments: [1, 2, 3, 5, 9, 20])
  func dampedTerms(_ terms: Int) throws {
    let (a, v, u) = try linearProblem()
    for damping in [1.0, 0.8, 0.5, 0.1] {
      let w = try NeumannSeries(terms: terms, damping: damping)
        .adjoint(of: v, through: linearPullback(a))
      var power = u
      for _ in 0..<terms { power = power * (1 - damping) + power.matmul(a) * damping }
      #expect(difference(w, u - power, relative: 1e-13) == nil, "damping \(damping)")
    }
  }

  @Test("K evaluations of adjoint Picard from 0 are K terms, at K - 1 pullbacks")
  func adjointPicard() throws {
    let (a, v, _) = try linearProblem()
    for steps in [1, 2, 3, 7, 20] {
      var pullbacks = 0
      let counted: (Tensor) throws -> Tensor = { w in
        pullbacks += 1
        return try linearPullback(a)(w)
      }
      let iterated = try IterativeAdjoint(solver: .picard(), steps: steps)
        .adjoint(of: v, through: counted)
      #expect(pullbacks == steps - 1)
      let series = try NeumannSeries(terms: steps).adjoint(of: v, through: linearPullback(a))
      #expect(difference(iterated, series, relative: 1e-13) == nil, "\(steps) steps")
    }
  }

  @Test("GMRES needs at most three pullbacks on the rational map")
  func finiteTermination() throws {
    let result = try differentiate(.rationalLinear, .gmres(tolerance: 1e-13))
    let report = try #require(result.solution.backwardReport)
    #expect(report.pullbacks <= 3)
    #expect(report.converged)
  }

  @Test("damping rescues the series where an eigenvalue lies below -1")
  func rescue() throws {
    let a = Tensor([-1.5], shape: [1, 1], dtype: .float64)
    let v = Tensor([1], shape: [1, 1], dtype: .float64)
    let wild = try NeumannSeries(terms: 60).adjoint(of: v, through: linearPullback(a)).scalar
    let calm = try NeumannSeries(terms: 60, damping: 0.5)
      .adjoint(of: v, through: linearPullback(a)).scalar
    #expect(abs(wild) > 1e6)
    #expect(abs(calm - 0.4) < 1e-12)
  }

  @Test("only unrolling and straight-through give the initial state a gradient")
  func initialState() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    for (name, estimator) in implicitEstimators(1e-10) {
      #expect(try differentiate(problem, estimator).initialGradient == nil, "\(name)")
    }
    #expect(
      try differentiate(problem, .unrolled, until: .evaluations(3)).initialGradient != nil)
    #expect(
      try differentiate(problem, .straightThrough(), until: .evaluations(3)).initialGradient != nil)
  }

  @Test("straight-through: J^T w for the initial state, nothing else changed")
  func straightThrough() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    for (name, base) in implicitEstimators(1e-10) {
      let plain = try differentiate(problem, base)
      let through = try differentiate(problem, .straightThrough(base))
      #expect(plain.solution.value.scalars == through.solution.value.scalars, "\(name)")
      for (a, b) in zip(plain.gradients, through.gradients) {
        #expect(a?.scalars == b?.scalars, "\(name)")
      }
    }
    let map = { (z: Tensor) in problem.map(z, problem.parameters) }
    let (_, pullback) = valueWithPullback(at: problem.solution, of: map)
    let expected = try pullback(.ones([1, 8], dtype: .float64))
    let gradient = try #require(
      try differentiate(problem, .straightThrough()).initialGradient)
    #expect(difference(gradient, expected, absolute: 1e-13) == nil)
  }
}
