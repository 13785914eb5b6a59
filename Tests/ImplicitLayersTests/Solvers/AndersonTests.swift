import ImplicitLayers
import Tensors
import TestSupport
import Testing

private let n = 6
private let matrix = testTensor([n, n], seed: 5, scale: 0.35)
private let offset = testTensor([1, n], seed: 6)
private func linear(_ z: Tensor) -> Tensor { z.matmul(matrix, transposingOther: true) + offset }

@Suite struct AndersonTests {
  @Test("full-depth iterates on a linear map are f of GMRES iterates (Walker and Ni 2011)")
  func equalsGMRES() throws {
    let anderson = Anderson(depth: n, ridge: 0)
    let start = testTensor([1, n], seed: 8)
    let right = linear(start) - start
    for step in 1...4 {
      let next = try anderson.solve({ linear($0) }, from: start, until: .evaluations(step)).value
      // (I - A) e = f(z0) - z0: the GMRES iterate is z0 + e.
      let krylov =
        step == 1
        ? right.zerosLike()
        : try GMRES(dimension: n, tolerance: 0, limit: step).solve(right) { x in
          x - x.matmul(matrix, transposingOther: true)
        }.value
      let expected = linear(start + krylov)
      #expect(difference(next, expected, absolute: 1e-12) == nil, "step \(step)")
    }
  }

  @Test func endsInFinitelyManyStepsOnALinearMap() throws {
    let report = try Anderson(depth: n).solve(
      { linear($0) }, from: .zeros([1, n], dtype: .float64),
      until: .tolerance(relative: 0, absolute: 1e-12, limit: 100)
    ).report
    #expect(report.converged)
    #expect(report.evaluations <= n + 4)
  }

  @Test("the recorded step equals the step in place")
  func recordingChangesNothing() throws {
    let rule = StoppingRule.evaluations(9)
    let start = testTensor([3, n], seed: 4)
    let solver = Anderson(depth: 3, mixing: 0.8)
    let map = { (z: Tensor) in (z.matmul(matrix) + offset).tanh() }
    let inPlace = try withoutRecording { try solver.solve(map, from: start, until: rule).value }
    let recorded = try solver.solve(map, from: start.variable(), until: rule).value
    #expect(recorded.isRecorded && !inPlace.isRecorded)
    #expect(difference(inPlace, recorded.detached(), absolute: 1e-12) == nil)
  }

  @Test(
    "unrolling differentiates the extrapolation itself, also before convergence",
    arguments: [
      .anderson(depth: 3), .anderson(depth: 2, mixing: 0.7), .broyden(updates: 2), .broyden(),
    ] as [any ForwardSolver])
  func gradientOfTheIteration(_ solver: any ForwardSolver) throws {
    let gap = try gradientDifference(
      [testTensor([2, n], seed: 3), matrix, offset], tolerance: 1e-6
    ) { inputs in
      try fixedPoint(
        from: inputs[0], using: solver, estimator: .unrolled, until: .evaluations(5)
      ) { z in (z.matmul(inputs[1]) + inputs[2]).tanh() }
    }
    #expect(gap == nil)
  }

  @Test("the ridge is relative: scaling the problem by powers of two changes nothing")
  func scaleInvariance() throws {
    let counts = try [-60, 0, 60].map { power -> [Double] in
      let factor = Double(sign: .plus, exponent: power, significand: 1)
      let scaled = offset * factor
      let solution = try Anderson(depth: 3).solve(
        { z in z.matmul(matrix, transposingOther: true) + scaled },
        from: .zeros([1, n], dtype: .float64), until: .tolerance(relative: 1e-11, limit: 100))
      #expect(solution.report.converged)
      return [Double(solution.report.evaluations)] + solution.value.scalars.map { $0 / factor }
    }
    #expect(counts[0] == counts[1])
    #expect(counts[2] == counts[1])
  }

  @Test("a rotation that grows by 1.2 needs two differences", arguments: [(1, false), (2, true)])
  func depthCountsDifferences(_ depth: Int, _ succeeds: Bool) throws {
    let (c, s) = (1.2 * 0.5, 1.2 * 0.75.squareRoot())
    let rotation = Tensor([c, -s, s, c], shape: [2, 2], dtype: .float64)
    let shift = Tensor([1, 2], shape: [1, 2], dtype: .float64)
    let report = try Anderson(depth: depth).solve(
      { z in z.matmul(rotation) + shift }, from: .zeros([1, 2], dtype: .float64),
      until: .tolerance(relative: 1e-10, limit: 40)
    ).report
    #expect(report.converged == succeeds, "\(report)")
  }

  @Test(
    "a step into the void is taken back: log z is undefined where extrapolation may lead",
    arguments: [.anderson(), .broyden()] as [any ForwardSolver], [0.06, 0.3, 0.9, 40, 1e6])
  func returnsToTheBestPoint(_ solver: any ForwardSolver, _ start: Double) throws {
    // f(z) = 3 + log z contracts near its fixed point 4.505. Its residual rises up to z = 1, so
    // that extrapolation from the left leads below zero.
    let report = try solver.solve(
      { z in z.log() + 3 }, from: Tensor([start], shape: [1, 1], dtype: .float64),
      until: .tolerance(relative: 1e-10, limit: 60)
    ).report
    #expect(report.converged, "\(report)")
  }
}
