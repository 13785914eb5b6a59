import ConformanceChecks
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct GradientChecksTests {
  private struct Cell: FixedPointLayer {
    var estimator: any BackwardEstimator = .exact
    var stoppingRule = StoppingRule.tolerance(relative: 1e-12, limit: 500)
    let weight = testTensor([4, 4], seed: 2, scale: 0.4)
    func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
    func step(_ z: Tensor, given x: Tensor) -> Tensor { (z.matmul(weight) + x).tanh() }
  }

  private let input = testTensor([3, 4], seed: 1)

  @Test("a right gradient passes, a biased one shows its plateau")
  func estimators() throws {
    #expect(try GradientChecks(of: Cell(), input: input).failures() == [])
    #expect(try GradientChecks(of: Cell(estimator: .unrolled), input: input).failures() == [])
    let biased = GradientChecks(of: Cell(estimator: .oneStep), input: input)
    #expect(try biased.failures().count == 3)
    for sweep in try biased.sweeps() {
      let errors = sweep.samples.map(\.relativeError)
      #expect(errors.count == 8 && sweep.error > 1e-3)
      #expect(errors[3...6].allSatisfy { abs($0 - errors[3]) < 1e-2 * errors[3] }, "\(errors)")
    }
  }

  @Test("an implicit gradient at a point that is no solution is not the derivative of that point")
  func unconverged() throws {
    let rule = StoppingRule.tolerance(relative: 0.1, limit: 500, onFailure: .keeping)
    let failures = try GradientChecks(of: Cell(stoppingRule: rule), input: input).failures()
    #expect(!failures.isEmpty && failures[0].contains("off by"))
  }

  @Test("with respect to several tensors, one of which counts for nothing")
  func severalTensors() throws {
    let weight = testTensor([4, 4], seed: 3, scale: 0.4)
    let failures = try GradientChecks(at: [weight, input, testTensor([2], seed: 4)]) { v in
      try fixedPoint(
        from: v[1].zerosLike(), until: .tolerance(relative: 1e-12, limit: 500)
      ) { z in (z.matmul(v[0]) + v[1]).tanh() }.square().sum()
    }.failures()
    #expect(failures == [])
    // A dependence that the tape does not see.
    let forgotten = try GradientChecks(at: [input]) { v in
      (v[0] * v[0].detached()).sum()
    }.failures()
    #expect(forgotten.count == 3)
  }
}
