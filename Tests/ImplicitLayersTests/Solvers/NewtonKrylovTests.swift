import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct NewtonKrylovTests {
  private let tight = StoppingRule.tolerance(relative: 0, absolute: 1e-12, limit: 40)

  @Test("the tanh problem takes a handful of Newton steps")
  func stepCounts() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    let report = try NewtonKrylov().solve(
      { problem.map($0, problem.parameters) }, from: problem.initial, until: tight
    ).report
    #expect(report.converged)
    // Each step costs an evaluation and a linearisation.
    #expect(report.evaluations <= 17, "\(report.evaluations)")
    #expect(report.jacobianProducts <= 25, "\(report.jacobianProducts)")
  }

  @Test(
    "a search without end returns to its best point any number of times",
    arguments: [.newton(), .newtonKrylov(), .broyden()] as [any ForwardSolver])
  func endlessSearch(_ solver: any ForwardSolver) throws {
    // x^2 + 1 = 0 has no real root, and Newton's iterates are chaotic.
    let report = try solver.solve(
      { z in z - z.square() - 1 }, from: Tensor([0.3], shape: [1, 1], dtype: .float64),
      until: .tolerance(relative: 0, absolute: 1e-12, limit: 20_000, patience: 20_000)
    ).report
    #expect(report.samples[0].outcome.isFailure)
    #expect(report.evaluations > 5000, "\(report)")
  }

  @Test("an expanding map is solved: only 1 must be no eigenvalue of J")
  func expandingMap() throws {
    let matrix = testTensor([5, 5], seed: 12, scale: 3)
    let offset = testTensor([2, 5], seed: 13)
    let map = { (z: Tensor) in z.matmul(matrix) + offset }
    let solution = try NewtonKrylov().solve(
      map, from: .zeros([2, 5], dtype: .float64), until: tight)
    #expect(solution.report.converged, "\(solution.report)")
    let residual = map(solution.value) - solution.value
    #expect(residual.largestMagnitude < 1e-12)
  }

  @Test("a fused operator gives the same steps as its composition")
  func fusedOperator() throws {
    let weight = testTensor([5, 5], seed: 2, scale: 0.3)
    let gain = Tensor.full(0.7, [5], dtype: .float64)
    let bias = testTensor([5], seed: 3)
    let start = testTensor([3, 5], seed: 4)
    let fused = { (z: Tensor) in
      z.matmul(weight).tanh().layerNorm(gain: gain, bias: bias, epsilon: 1e-2)
    }
    let composed = { (z: Tensor) -> Tensor in
      let x = z.matmul(weight).tanh()
      let centred = x - x.mean(alongAxis: 1, keepingAxis: true)
      let variance = centred.square().mean(alongAxis: 1, keepingAxis: true)
      return centred / (variance + 1e-2).sqrt() * gain + bias
    }
    let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-12, limit: 120)
    let one = try NewtonKrylov().solve(fused, from: start, until: rule)
    let other = try NewtonKrylov().solve(composed, from: start, until: rule)
    #expect(one.report.converged && other.report.converged)
    #expect(difference(one.value, other.value, absolute: 1e-11) == nil)
    #expect(one.report.evaluations == other.report.evaluations)
  }

  @Test("steps that overshoot are shortened until the residual falls")
  func lineSearch() throws {
    // g(z) = -atan(z): Newton's full step diverges from |z| > 1.39. The inner solve is exact for
    // one unknown, so only the line search can help.
    let map = { (z: Tensor) -> Tensor in
      // atan through the half-angle series would hide the point; z / sqrt(1 + z^2) has the same
      // overshoot.
      z - z / (z.square() + 1).sqrt()
    }
    let start = Tensor([3, -8, 0.5], shape: [3, 1], dtype: .float64)
    // Up to two excursions of six steps, two evaluations each, come before that.
    let solution = try NewtonKrylov().solve(
      map, from: start, until: .tolerance(relative: 0, absolute: 1e-12, limit: 60))
    #expect(solution.report.converged, "\(solution.report)")
    #expect(solution.value.largestMagnitude < 1e-11)
  }

  @Test("products are exact: forward and back are transposes")
  func linearization() throws {
    let weight = testTensor([4, 4], seed: 7)
    let z = testTensor([2, 4], seed: 8)
    let map = { (z: Tensor) in (z.matmul(weight) + z.sin()).tanh().softmax() * z }
    let near = try Linearization(at: z, of: map)
    let (s, v) = (testTensor([2, 4], seed: 9), testTensor([2, 4], seed: 10))
    let forwards = try near.pushforward(s)
    let back = try near.pullback(v)
    #expect(abs((forwards * v).sum().scalar - (back * s).sum().scalar) < 1e-13)
    let step = 1e-6
    let central = (map(z + s * step) - map(z - s * step)) / (2 * step)
    #expect(difference(forwards, central, relative: 1e-8) == nil)
  }

  @Test(
    "an unrolled step whose adjoint system is singular says what this solver can do about it",
    arguments: [
      (.newton(), ".gmres(dimension:)"), (.newtonKrylov(dimension: 7), "dimension, which is 7"),
    ] as [(any ForwardSolver, String)])
  func singularAdjoint(_ solver: any ForwardSolver, _ advice: String) throws {
    // f(z) = z - a (z - 1)^2 has I - J = 0 at its fixed point 1.
    let a = Tensor([2], shape: [1, 1], dtype: .float64).variable()
    let z = try fixedPoint(
      from: .ones([1, 1], dtype: .float64), using: solver, estimator: .unrolled,
      until: .evaluations(1)
    ) { (z: Tensor) in z - (z - 1).square() * a }
    let error = #expect(throws: AdjointNotSolved.self) { try gradients(of: z.sum()) }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains(advice) && text.contains(".leastSquares"), "\(text)")
  }

  /// Freudenstein and Roth's problem has a local minimum of |F| at which Newton's steps are too long at
  /// every length; a fixed-point step leads out, if it is not taken back.
  @Test(
    "a fixed-point step leads on where no length of Newton's helps",
    arguments: [.newton(), .newtonKrylov()] as [any ForwardSolver])
  func plainStep(_ solver: any ForwardSolver) throws {
    let problem = try #require(
      PublishedProblem.roots.first { $0.name == "Freudenstein and Roth" })
    let equations = problem.equations
    let start = Tensor(problem.initial.map { $0 * 0.1 }, shape: [1, 2], dtype: .float64)
    let report = try solve(
      .root { equations($0) }, from: start, using: solver, estimator: .oneStep,
      until: .tolerance(relative: 0, absolute: 1e-8, limit: 600)
    ).report
    #expect(report.converged, "\(report)")
  }
}
