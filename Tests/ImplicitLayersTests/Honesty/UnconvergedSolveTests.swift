import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// z -> 1.5 z + 1 per sample, or .5 z + 1.
private func affine(_ factors: [Double]) -> (a: Tensor, map: @Sendable (Tensor) -> Tensor) {
  let a = Tensor(factors, shape: [factors.count, 1], dtype: .float64).variable()
  return (a, { $0 * a + 1 })
}

@Suite struct UnconvergedSolveTests {
  private let rule = StoppingRule.tolerance(relative: 1e-6, limit: 100)

  @Test("a solve that did not converge is thrown, with the samples and what to try")
  func expanding() throws {
    let (_, map) = affine([1.5, 0.5])
    let start = Tensor.ones([2, 1], dtype: .float64)
    let error = try #require(
      #expect(throws: UnconvergedSolve.self) { try fixedPoint(from: start, until: rule, map) })
    #expect(error.report.failed == [0])
    #expect(error.report.samples[0].outcome == .diverged)
    for text in ["1 of 2 samples", "sample 0", "residual", "damp the iteration", ".keeping"] {
      #expect(error.description.contains(text), "\(text): \(error)")
    }
  }

  @Test("a layer whose solve stalls throws; where it keeps, the report is at hand")
  func layer() throws {
    struct Stalling: FixedPointLayer {
      let weight: Tensor
      var solver: any ForwardSolver = .picard()
      var estimator: any BackwardEstimator = .exact
      var stoppingRule = StoppingRule.tolerance(relative: 1e-9, limit: 60)
      func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
      func step(_ z: Tensor, given x: Tensor) -> Tensor { (z.matmul(weight) + x).tanh() }
    }
    // A two-cycle: J is near -3 at the fixed point.
    let weight = Tensor([-4], shape: [1, 1], dtype: .float64).variable()
    var layer = Stalling(weight: weight)
    let x = Tensor([0.3], shape: [1, 1], dtype: .float64)
    #expect(throws: UnconvergedSolve.self) { try layer(x) }
    let found = try layer.solve(x)
    #expect(found.report.failed == [0])
    #expect(throws: UnconvergedSolve.self) { try found.converged() }
    layer.stoppingRule = .tolerance(relative: 1e-9, limit: 60, onFailure: .keeping)
    #expect(try layer(x).shape == [1, 1])
    // From the solution, which Newton's method finds, one evaluation is enough.
    var newton = layer
    newton.solver = .newton()
    let solved = try newton.solve(x).converged()
    layer.stoppingRule = rule
    #expect(try layer.solve(x, from: solved.detached()).report.evaluations == 1)
  }

  @Test("an error says what was not found, and which call returns the report")
  func words() throws {
    let start = Tensor.ones([1, 1], dtype: .float64)
    // x^2 + 1 has no root.
    let error = #expect(throws: UnconvergedSolve.self) {
      try root(of: { (x: Tensor) in x.square() + 1 }, from: start)
    }
    let text = try #require(error).description
    #expect(text.hasPrefix("no solution was found in 1 of 1 samples"), "\(text)")
    #expect(text.contains("or call solve, which returns the report"), "\(text)")
    let other = #expect(throws: UnconvergedSolve.self) {
      try fixedPoint(from: start, until: rule) { $0 * 2 }
    }
    #expect(
      try #require(other).description.contains("or call solveFixedPoint, or a layer's solve, which")
    )
  }

  @Test("the report of a closure's solve is reachable, for states of several tensors too")
  func report() throws {
    struct Pair: FixedPointState {
      var tensors: [Tensor]
    }
    let start = Pair(tensors: [.ones([2, 1], dtype: .float64), .ones([2, 3], dtype: .float64)])
    let solution = try solveFixedPoint(from: start, until: rule) { z in
      Pair(tensors: [z.tensors[0] * 0.5, z.tensors[1] * 0.25 + 3])
    }
    #expect(solution.report.converged)
    #expect(solution.value.tensors.map(\.shape) == [[2, 1], [2, 3]])
    #expect(
      difference(solution.value.tensors[1], .full(4, [2, 3], dtype: .float64), relative: 1e-5)
        == nil)
  }

  @Test("expanding maps: never an unreported failure", arguments: TestedSolver.defaults)
  func manyExpandingMaps(_ tested: TestedSolver) {
    var (solved, silent) = (0, [Int]())
    for seed in 1...200 {
      let n = 1 + seed % 5
      let w = testTensor([n, n], seed: seed, scale: 2.5)
      let b = testTensor([2, n], seed: seed + 1000)
      let map = { (z: Tensor) in (z.matmul(w) + b).tanh() * 1.5 }
      guard
        let z = try? fixedPoint(from: b.zerosLike(), using: tested.solver, until: rule, map)
      else { continue }
      let image = map(z)
      let isSolved = zip((image - z).normsOfSamples, image.normsOfSamples).allSatisfy {
        $0 <= 1.01e-6 * $1
      }
      if isSolved { solved += 1 } else { silent.append(seed) }
    }
    #expect(silent.isEmpty && solved > 0)
  }

  @Test(
    "a residual that is small beside a state which grows without bound is no convergence",
    arguments: TestedSolver.all + [
      TestedSolver("half of Picard", .picard(relaxation: 0.5), relaxation: 0.5)
    ], [0.0, 15])
  func growingState(_ tested: TestedSolver, _ start: Double) throws {
    // From 15, |f(z)| need only grow from 16 to 20 for a residual of 1 to be a twentieth of it.
    let solution = try tested.solver.solve(
      { $0 + 1 }, from: .full(start, [1, 1], dtype: .float64),
      until: .tolerance(relative: 0.05, limit: 200))
    // An extrapolation from residuals that differ by rounding alone may lead to where the numbers are too
    // far apart for z + 1.
    #expect(
      !solution.report.converged || solution.value.scalars[0].ulp > 0.1, "\(solution.report)")
  }
}
