import ImplicitLayers
import Tensors
import TestSupport
import Testing

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
    for relaxation in [1.0, 0.8, 0.5, 0.1] {
      let w = try NeumannSeries(terms: terms, relaxation: relaxation)
        .adjoint(of: v, through: linearPullback(a))
      var power = u
      for _ in 0..<terms { power = power * (1 - relaxation) + power.matmul(a) * relaxation }
      #expect(difference(w, u - power, relative: 1e-13) == nil, "relaxation \(relaxation)")
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
      let iterated = try IterativeAdjoint(solver: .picard(), evaluations: steps)
        .adjoint(of: v, through: counted)
      #expect(pullbacks == steps - 1)
      let series = try NeumannSeries(terms: steps).adjoint(of: v, through: linearPullback(a))
      #expect(difference(iterated, series, relative: 1e-13) == nil, "\(steps) steps")
    }
  }

  @Test("GMRES needs at most three pullbacks on the rational map, and one for the residual")
  func finiteTermination() throws {
    let result = try differentiate(.rationalLinear, .gmres(tolerance: 1e-13))
    let report = try #require(result.backward)
    #expect(report.pullbacks <= 4)
    #expect(report.converged)
  }

  @Test("relaxation rescues the series where an eigenvalue lies below -1")
  func rescue() throws {
    let a = Tensor([-1.5], shape: [1, 1], dtype: .float64)
    let v = Tensor([1], shape: [1, 1], dtype: .float64)
    let wild = try NeumannSeries(terms: 60).adjoint(of: v, through: linearPullback(a)).scalar
    let calm = try NeumannSeries(terms: 60, relaxation: 0.5)
      .adjoint(of: v, through: linearPullback(a)).scalar
    #expect(abs(wild) > 1e6)
    #expect(abs(calm - 0.4) < 1e-12)
  }

  @Test(
    "an implicit estimator gives the initial state no gradient",
    arguments: TestedEstimator.ofAnySolver)
  func noGradientOfTheInitialState(_ estimator: TestedEstimator) throws {
    let result = try differentiate(
      .manufacturedTanh(0.45), estimator.make(.init(tolerance: 1e-10)))
    #expect(result.initialGradient == nil)
  }

  @Test("unrolling and straight-through give the initial state a gradient")
  func gradientOfTheInitialState() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    #expect(
      try differentiate(problem, .unrolled, until: .evaluations(3)).initialGradient != nil)
    #expect(
      try differentiate(problem, .straightThrough(), until: .evaluations(3)).initialGradient != nil)
  }
}
