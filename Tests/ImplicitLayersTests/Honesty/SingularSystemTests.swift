import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Sinkhorn's scalings u = a / (K v), v = b / (K^T u) as one state of two tensors: only u v^T is
/// determined, so that J has the eigenvalue 1 at every fixed point.
private struct Scalings: FixedPointState {
  var tensors: [Tensor]
}

/// P_11 = u_1 K_11 v_1 and its derivative with respect to K_11.
private func transport(_ estimator: any BackwardEstimator) throws -> (
  derivative: Double, report: BackwardReport?
) {
  let kernel = Tensor([4, 1, 2, 1], shape: [2, 2], dtype: .float64).variable()
  let half = Tensor.full(0.5, [1, 2], dtype: .float64)
  let start = Scalings(tensors: [.ones([1, 2], dtype: .float64), .ones([1, 2], dtype: .float64)])
  let solution = try solveFixedPoint(
    from: start, using: .picard(relaxation: 0.5), estimator: estimator,
    until: .tolerance(relative: 1e-6, limit: 400)
  ) { z in
    Scalings(tensors: [
      half / z.tensors[1].matmul(kernel, transposingOther: true),
      half / z.tensors[0].matmul(kernel),
    ])
  }
  #expect(solution.report.converged)
  let (u, v) = (solution.value.tensors[0], solution.value.tensors[1])
  let plan = u.reshaped([2, 1]) * kernel * v
  let table = try gradients(of: plan.slice(0..<1).slice(0..<1, alongAxis: 1).sum())
  let derivative = try #require(table[kernel]).scalars[0]
  return (derivative, table.backwardReport(of: solution))
}

@Suite struct SingularSystemTests {
  /// P depends on K through the odds ratio K_11 K_22 / (K_12 K_21) = r alone: with both marginals 1/2,
  /// P_11 = sqrt(r) / (2 (1 + sqrt(r))), so dP_11 / dK_11 = sqrt(r) / (4 K_11 (1 + sqrt(r))^2).
  private let truth = { (r: Double) in
    r.squareRoot() / (4 * 4 * (1 + r.squareRoot()) * (1 + r.squareRoot()))
  }(4 * 1 / (1 * 2))

  @Test("the closed form is the published value")
  func closedForm() { #expect(abs(truth - 0.01517) < 1e-5) }

  @Test("the dense adjoint of a singular system is a failure with its condition, not a number")
  func exact() throws {
    let error = try #require(#expect(throws: BackwardFailure.self) { try transport(.exact) })
    let sample = error.report.samples[0]
    #expect(sample.outcome == .singular)
    #expect(try #require(sample.condition) > 1e5)
    #expect(error.description.contains(".leastSquares"))
  }

  @Test(
    "least squares and iterations go no further than J is known, and find the truth",
    arguments: [
      .leastSquares, .leastSquares(onFailure: .keeping), .gmres(), .gmres(tolerance: 1e-10),
      .biCGStab(tolerance: 1e-10),
      .iterative(.picard(relaxation: 0.5), tolerance: 1e-10, limit: 500),
      .iterative(.anderson(), tolerance: 1e-10),
    ] as [any BackwardEstimator])
  func othersFindIt(_ estimator: any BackwardEstimator) throws {
    let (derivative, report) = try transport(estimator)
    #expect(abs(derivative - truth) < 1e-4, "\(derivative)")
    #expect(try #require(report).accuracies[0] > 1e-9)
  }

  @Test("the condition of a regular system is reported")
  func regular() throws {
    let b = Tensor.ones([2, 2], dtype: .float64).variable()
    let a = Tensor([0.5, 0, 0.9, 0.99], shape: [2, 2], dtype: .float64)
    let solution = try solveFixedPoint(from: b.zerosLike(), until: .evaluations(5)) { $0 * a + b }
    let table = try gradients(of: solution.value.sum())
    let report = try #require(table.backwardReport(of: solution))
    // I - J = diag(.5, 1) and diag(.1, .01).
    let conditions = report.samples.compactMap(\.condition)
    #expect(difference(conditions, [2, 10], relative: 1e-12) == nil)
  }

  @Test("what GMRES reports is the residual of what it returns")
  func gmresIsHonest() throws {
    var lies = 0
    for seed in 1...60 {
      for (dtype, tolerance) in [(DType.float32, 1e-5), (.float64, 1e-12)] {
        let n = 8
        let z = testTensor([1, n], seed: seed, dtype: dtype)
        // Upper triangular with an eigenvalue .99 and large entries above: far from normal.
        let matrix = Tensor(
          (0..<n * n).map { index in
            let (row, column) = (index / n, index % n)
            return row == column
              ? (row == 0 ? 0.99 : 0.5)
              : row < column ? 3 * testTensor([1], seed: seed * 100 + index).scalar : 0
          }, shape: [n, n], dtype: dtype)
        let operation = { (x: Tensor) in x - x.matmul(matrix) }
        // A preconditioner that is wrong by orders of magnitude, as a quasi-Newton inverse may be.
        let found = try GMRES(tolerance: tolerance).solve(
          z, preconditioner: { $0 * 1e-4 + $0.matmul(matrix) * 30 }, applying: operation)
        let wide = { (t: Tensor) in t.converted(to: .float64) }
        let exact = wide(z) - (wide(found.value) - wide(found.value).matmul(wide(matrix)))
        let truth = exact.normsOfSamples[0] / wide(z).normsOfSamples[0]
        let sample = found.report.samples[0]
        let noise = 64 * dtype.machineEpsilon * (1 + wide(found.value).normsOfSamples[0] * 12)
        if abs(sample.relativeResidual - truth) > noise + 1e-3 * truth { lies += 1 }
        if sample.outcome == .converged, truth > tolerance + noise { lies += 1 }
      }
    }
    #expect(lies == 0)
  }
}
