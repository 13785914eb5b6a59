import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// z -> mean(z) + x: J has the eigenvalue 1, and only v of sum 0 has an adjoint.
private func pass(
  _ estimator: any BackwardEstimator, _ cotangent: [Double], dtype: DType
) throws -> (gradient: [Double], report: BackwardReport?) {
  let n = cotangent.count
  let average = Tensor.full(1 / Double(n), [n, n], dtype: dtype)
  let x = Tensor(cotangent.map { _ in 0 }, shape: [1, n], dtype: dtype).variable()
  let solution = try estimator.solution(
    of: FixedPointMap { z in z.matmul(average) + x }, from: x.zerosLike(), using: .picard(),
    until: .evaluations(3))
  let table = try gradients(
    of: solution.value, cotangent: Tensor(cotangent, shape: [1, n], dtype: dtype))
  return (try #require(table[x]).scalars, table.backwardReport(of: solution))
}

@Suite struct SingularAdjointTests {
  @Test(
    "a singular system without a solution is a failure, not a huge gradient",
    arguments: TestedEstimator.solving, [DType.float64, .float32])
  func inconsistent(_ estimator: TestedEstimator, _ dtype: DType) throws {
    for cotangent in [[2, 0, 3, -1], [1, 2, 0.5, -0.25, 1, 3]] as [[Double]] {
      #expect(throws: BackwardFailure.self, "\(cotangent)") {
        try pass(estimator.make(.init(tolerance: 1e-6)), cotangent, dtype: dtype)
      }
    }
  }

  @Test(
    "where there is a solution, Krylov methods and least squares find it",
    arguments: [.gmres(), .biCGStab(), .leastSquares] as [any AdjointEstimator])
  func consistent(_ estimator: any AdjointEstimator) throws {
    let cotangent = [2.0, -1, 3, -4]
    let (gradient, report) = try pass(estimator, cotangent, dtype: .float64)
    #expect(difference(gradient, cotangent, absolute: 1e-12) == nil)
    #expect(report?.converged ?? false)
  }
}
