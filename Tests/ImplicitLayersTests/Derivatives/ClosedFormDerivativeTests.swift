import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Derivatives of higher order of the problems with known solutions, where they are not the same
/// computation backwards: forward ones, Hessians by the parameters, and what they hold.
@Suite struct ClosedFormDerivativeTests {
  static let tight = HigherDerivativeTests.tight

  @Test("z = cos(theta z) forwards to third order", arguments: HigherDerivativeTests.accurate)
  func cosine(_ estimator: any AdjointEstimator) throws {
    let one = Tensor([1], shape: [1, 1], dtype: .float64)
    let found = try KnownDerivatives.forward(upTo: 3, at: one) { theta in
      try fixedPoint(from: one, estimator: estimator, until: Self.tight) { z in (z * theta).cos() }
    }
    KnownDerivatives.expectCosine(found, estimator.name)
  }

  @Test("Kepler's equation forwards to third order", arguments: HigherDerivativeTests.accurate)
  func kepler(_ estimator: any AdjointEstimator) throws {
    let orbits = KnownDerivatives.orbits
    let e = orbits.eccentricityColumn
    let found = try KnownDerivatives.forward(upTo: 3, at: orbits.meanAnomalies) { m in
      try fixedPoint(
        from: m.detached(), using: .newtonKrylov(), estimator: estimator, until: Self.tight
      ) { z in m + e * z.sin() }
    }
    KnownDerivatives.expectKepler(found, estimator.name)
  }

  /// By W and b together, along a direction in both: 72 numbers.
  @Test("the Hessian of the manufactured tanh problem", arguments: [0.25, 0.45])
  func tanhHessian(_ s: Double) throws {
    let problem = ClosedFormProblem.manufacturedTanh(s)
    let directions = problem.parameters.enumerated().map { index, parameter in
      testTensor(parameter.shape, seed: 31 + index, scale: 0.3)
    }
    func loss(_ theta: [Tensor], _ estimator: any BackwardEstimator) throws -> Tensor {
      // Of the square, so that the loss bends too.
      let z = try fixedPoint(from: problem.initial, estimator: estimator, until: Self.tight) { z in
        problem.map(z, theta)
      }
      return problem.loss(z) + z.square().sum()
    }
    let exact = try hessianVectorProduct(at: problem.parameters, along: directions) {
      try loss($0, .exact)
    }
    let unrolled = try hessianVectorProduct(at: problem.parameters, along: directions) {
      try loss($0, .unrolled)
    }
    let step = 1e-5
    let sides = try [step, -step].map { step in
      let moved = zip(problem.parameters, directions).map { $0 + $1 * step }
      return try gradient(at: moved) { try loss($0, .exact) }
    }
    for index in problem.parameters.indices {
      let differences = (sides[0][index] - sides[1][index]) * (0.5 / step)
      #expect(difference(exact[index], differences, relative: 1e-8) == nil)
      #expect(difference(exact[index], unrolled[index], relative: 1e-8) == nil)
    }
  }

  /// The counters are process-wide, so that the test has a process of its own.
  @Test("a product with the Hessian holds the same after 10 and 1000 iterations")
  func memory() async {
    await #expect(processExitsWith: .success) {
      let w = testTensor([6, 6], seed: 3, scale: 0.2)
      let (x, s) = (testTensor([4, 6], seed: 4), testTensor([4, 6], seed: 5))
      func peak(_ iterations: Int) throws -> Int {
        let before = TensorMemory.liveBytes
        TensorMemory.resetPeak()
        let product = try withoutRecording {
          try hessianVectorProduct(at: x, along: s) { x in
            let z = try fixedPoint(from: x.zerosLike(), until: .evaluations(iterations)) { z in
              (z.matmul(w) + x).tanh()
            }
            return (z * z * z).sum()
          }
        }
        #expect(product.count == 24)
        return TensorMemory.peakBytes - before
      }
      _ = try peak(10)
      let (ten, thousand) = (try peak(10), try peak(1000))
      #expect(ten == thousand && ten > 0, "\(ten) and \(thousand) bytes")
    }
  }
}
