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
}
