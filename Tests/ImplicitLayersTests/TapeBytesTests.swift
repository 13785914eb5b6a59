import ImplicitLayers
import Tensors
import TestSupport
import Testing

private struct Cell: FixedPointLayer {
  let w: Tensor
  let estimator: any BackwardEstimator
  let stoppingRule: StoppingRule
  func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
  func step(_ z: Tensor, given x: Tensor) -> Tensor { (z.matmul(w) + x).tanh() }
}

/// Live bytes and nodes after the forward pass, relative to before it.
private func forwardCost(
  _ estimator: any BackwardEstimator, iterations: Int
) throws -> (bytes: Int, nodes: Int) {
  let cell = Cell(
    w: testTensor([6, 6], scale: 0.2).variable(), estimator: estimator,
    stoppingRule: .evaluations(iterations))
  let x = testTensor([4, 6], seed: 3)
  let (bytes, nodes) = (TensorMemory.liveBytes, TensorMemory.liveNodes)
  let z = try cell(x)
  defer { withExtendedLifetime(z) {} }
  return (TensorMemory.liveBytes - bytes, TensorMemory.liveNodes - nodes)
}

/// The counters are process-wide, so each of these tests has a process of its own.
@Suite struct TapeBytesTests {
  @Test func implicitLayersHoldTheSameForAnyNumberOfIterations() async {
    await #expect(processExitsWith: .success) {
      let estimators: [any BackwardEstimator] = [.oneStep, .neumann(terms: 5), .exact]
      for estimator in estimators {
        let one = try forwardCost(estimator, iterations: 1)
        let ten = try forwardCost(estimator, iterations: 10)
        let hundred = try forwardCost(estimator, iterations: 100)
        #expect(one == ten, "\(estimator)")
        #expect(one == hundred, "\(estimator)")
        #expect(one.bytes > 0 && one.nodes > 0)
      }
    }
  }

  @Test func unrollingHoldsEveryIterate() async {
    await #expect(processExitsWith: .success) {
      let ten = try forwardCost(.unrolled, iterations: 10)
      let hundred = try forwardCost(.unrolled, iterations: 100)
      #expect(hundred.nodes == 10 * ten.nodes)
      #expect(hundred.bytes > 9 * ten.bytes)
    }
  }

  @Test("a Hessian-vector product holds no more for 1000 iterations than for 10")
  func hessianProduct() async {
    await #expect(processExitsWith: .success) {
      // So contractive that the solution after 10 iterations is that after 1000, to the last bits, and
      // GMRES has the same to do.
      func peak(
        _ estimator: any BackwardEstimator, _ iterations: Int, batch: Int = 4, width: Int = 6
      ) throws -> Int {
        let w = testTensor([width, width], scale: 0.02 / Double(width).squareRoot())
        let (x, s) = (testTensor([batch, width], seed: 3), testTensor([batch, width], seed: 5))
        let before = TensorMemory.liveBytes
        TensorMemory.resetPeak()
        let product = try hessianVectorProduct(at: [w, x], along: [w, s]) { points in
          let (w, x) = (points[0], points[1])
          let z = try fixedPoint(
            from: x.zerosLike(), estimator: estimator, until: .evaluations(iterations)
          ) { z in (z.matmul(w) + x).tanh() }
          return z.square().sum()
        }
        #expect(product[1].largestMagnitude > 0)
        return TensorMemory.peakBytes - before
      }
      for estimator in [.gmres(tolerance: 1e-8), .exact] as [any BackwardEstimator] {
        let ten = try peak(estimator, 10)
        #expect(try peak(estimator, 10) == ten, "\(estimator)")
        #expect(try peak(estimator, 1000) == ten, "\(estimator)")
      }
      let large = try peak(.gmres(), 10, batch: 64, width: 256)
      #expect(try peak(.gmres(), 1000, batch: 64, width: 256) == large)
      #expect(try peak(.unrolled, 1000) > 10 * peak(.unrolled, 10))
    }
  }
}
