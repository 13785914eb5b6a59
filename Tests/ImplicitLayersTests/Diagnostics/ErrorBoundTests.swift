import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct ErrorBoundTests {
  @Test(
    "Kepler's equation: steps below 1e-10, an error above 6e-9, and a bound that holds",
    arguments: [(0.1, 1.0), (0.5, 1), (0.9, 1), (0.99, 1), (0.99, 0.1)])
  func kepler(_ e: Double, _ anomaly: Double) throws {
    let mean = anomaly - e * sin(anomaly)
    let map = { (z: Tensor) in z.sin() * e + mean }
    var z = Tensor([mean], shape: [1, 1], dtype: .float64)
    while true {
      let next = map(z)
      let step = abs(next.scalar - z.scalar)
      z = next
      if step < 1e-10 { break }
    }
    let residual = abs(map(z).scalar - z.scalar)
    let error = abs(z.scalar - anomaly)
    // |J| = |e cos z| <= e everywhere: a certificate.
    let bound = try ErrorBound.solution(residual: residual, contraction: .lipschitz(e))
    #expect(bound.isCertified)
    #expect(error <= bound.value)
    if e == 0.99 && anomaly == 0.1 {
      #expect(error > 6e-9 && error < 7e-9)
      #expect(bound.value < 1.1e-8)
    }
  }

  @Test("a Lipschitz constant of 1 or more is refused, though the solve succeeds")
  func refusal() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    let map = { (z: Tensor) in problem.map(z, problem.parameters) }
    var generator = Philox(seed: 3)
    let norm = try spectralNorm(of: map, at: problem.solution, using: &generator)[0]
    let solution = try Picard().solve(
      map, from: problem.initial, until: .tolerance(relative: 0, absolute: 1e-12, limit: 100))
    #expect(solution.report.converged)
    let error = #expect(throws: ErrorBound.NotAContraction.self) {
      try ErrorBound.solution(
        residual: solution.report.samples[0].residual, contraction: .lipschitz(norm))
    }
    #expect(error?.description.contains("\(norm)") ?? false)
    for q in [1.0, -0.1, .nan] {
      #expect(throws: ErrorBound.NotAContraction.self) {
        try ErrorBound.adjoint(residual: 1, contraction: .estimated(q))
      }
    }
    // The radius is below 1; a bound from it is possible, but only as an estimate.
    let estimate = try ErrorBound.solution(residual: 1e-12, contraction: .estimated(0.6002))
    #expect(!estimate.isCertified)
    #expect(estimate.description.hasPrefix("estimated"))
  }

  @Test("the contraction from a trace of residuals")
  func trace() throws {
    let report = try trace(.picard(), 24)
    let residuals = report.samples[0].trace
    let contraction = try #require(Contraction.estimated(from: report, sample: 0))
    #expect(abs(contraction.constant - 0.3335) < 0.02, "\(contraction)")
    let bound = try ErrorBound.solution(
      residual: try #require(residuals.last), contraction: contraction)
    #expect(!bound.isCertified)
    #expect(Contraction.estimated(from: try trace(.picard(), 2), sample: 0) == nil)
  }

  @Test(
    "no contraction from a trace of anything but plain iteration",
    arguments: TestedSolver.all.filter { $0.relaxation != 1 })
  func traceOfOthers(_ tested: TestedSolver) throws {
    #expect(Contraction.estimated(from: try trace(tested.solver, 24), sample: 0) == nil)
  }

  /// 24 or fewer evaluations of a map that contracts.
  private func trace(_ solver: any ForwardSolver, _ evaluations: Int) throws -> SolveReport {
    let problem = ClosedFormProblem.manufacturedTanh(0.25)
    return try solver.solve(
      { problem.map($0, problem.parameters) }, from: problem.initial,
      until: .evaluations(evaluations).keepingTrace()
    ).report
  }

  @Test("bounds of the adjoint and of the gradient hold where the map contracts")
  func adjointBounds() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.25)
    let w = problem.parameters[0]
    let norm = try spectralNormOfMatrix(w)
    #expect(norm < 1)
    // tanh is 1-Lipschitz, so |W|_2 is a Lipschitz constant of f; |tanh''| <= .77 makes
    // .77 |W|_2 one of J, as J = diag(1 - f^2) W.
    let q = Contraction.lipschitz(norm)
    let map = { (z: Tensor) in problem.map(z, problem.parameters) }
    let v = Tensor.ones([1, 8], dtype: .float64)
    let vNorm = 8.0.squareRoot()
    let exact = try adjointAt(problem.solution, v, map, .exact)
    for steps in [3, 6, 12] {
      let found = try Picard().solve(map, from: problem.initial, until: .evaluations(steps))
      let residual = (map(found.value) - found.value).normsOfSamples[0]
      for terms in [1, 4, 8] {
        let estimate = try adjointAt(found.value, v, map, .neumann(terms: terms))
        let exactHere = try adjointAt(found.value, v, map, .exact)
        let here = (estimate - exactHere).normsOfSamples[0]
        let system = try adjointResidual(found.value, v, map, estimate)
        let bound = try ErrorBound.adjoint(residual: system, contraction: q)
        #expect(here <= bound.value && bound.isCertified)
        let apriori = try ErrorBound.neumann(terms: terms, cotangentNorm: vNorm, contraction: q)
        #expect(here <= apriori.value)
        let whole = try ErrorBound.adjoint(
          residual: system, cotangentNorm: vNorm, solutionResidual: residual,
          jacobianLipschitz: 0.77 * norm * norm, contraction: q)
        #expect((estimate - exact).normsOfSamples[0] <= whole.value)
        #expect(whole.value >= bound.value)
        // df/db = diag(1 - f^2) has norm at most 1.
        let gradient = bound.gradient(parameterJacobianNorm: 1)
        #expect(gradient.value == bound.value && gradient.isCertified)
      }
    }
  }

  @Test("the goal-oriented correction predicts what the loss will change by")
  func correction() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    let map = { (z: Tensor) in problem.map(z, problem.parameters) }
    let exact = problem.solution.sum().scalar
    for (steps, error, left) in [(10, 1.4288e-3, 1e-6), (20, 1.7e-5, 2e-11)] {
      let z = try Picard().solve(map, from: problem.initial, until: .evaluations(steps)).value
      let u = try adjointAt(z, .ones([1, 8], dtype: .float64), map, .exact)
      let correction = try goalCorrection(of: map, at: z, adjoint: u)[0]
      let before = exact - z.sum().scalar
      #expect(abs(abs(before) / error - 1) < 0.05, "\(before)")
      #expect(abs(before - correction) < left, "\(before - correction)")
    }
  }

  private func adjointAt(
    _ z: Tensor, _ v: Tensor, _ map: (Tensor) throws -> Tensor, _ estimator: any AdjointEstimator
  ) throws -> Tensor {
    try estimator.adjoint(of: v, through: valueWithPullback(at: z, of: map).pullback)
  }

  private func adjointResidual(
    _ z: Tensor, _ v: Tensor, _ map: (Tensor) throws -> Tensor, _ w: Tensor
  ) throws -> Double {
    let (_, pullback) = try valueWithPullback(at: z, of: map)
    return try (v - w + pullback(w)).normsOfSamples[0]
  }

  private func spectralNormOfMatrix(_ w: Tensor) throws -> Double {
    var generator = Philox(seed: 8)
    return try spectralNorm(
      of: { $0.matmul(w, transposingOther: true) }, at: .zeros([1, 8], dtype: .float64),
      iterations: 500, using: &generator)[0]
  }
}
