import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct CotangentScaleTests {
  @Test(
    "powers of two scale every gradient exactly, with the same pullbacks",
    arguments: TestedEstimator.all, ClosedFormProblem.all)
  func exactness(_ estimator: TestedEstimator, _ problem: ClosedFormProblem) throws {
    try expectExactness(of: estimator, after: .broyden(), problem)
  }

  @Test(
    "and so do the gradients of steps of any solver",
    arguments: TestedSolver.matrix, TestedEstimator.ofSteps)
  func exactnessOfSteps(_ tested: TestedSolver, _ estimator: TestedEstimator) throws {
    for problem in ClosedFormProblem.all {
      try expectExactness(of: estimator, after: tested.solver, problem)
    }
  }

  private func expectExactness(
    of estimator: TestedEstimator, after solver: any ForwardSolver, _ problem: ClosedFormProblem
  ) throws {
    for dtype in [DType.float64, .float32] {
      let pass = { (scale: Double) in
        try differentiate(
          problem, estimator.make(settings(dtype, problem)), using: solver, dtype: dtype,
          until: .evaluations(30), scale: scale)
      }
      let unit = try pass(1)
      for power in [-40, -17, 23, 40] {
        let what = "\(problem), \(dtype), 2^\(power)"
        let factor = Double(sign: .plus, exponent: power, significand: 1)
        let scaled = try pass(factor)
        for (a, b) in zip(scaled.gradients, unit.gradients) {
          #expect(a.map { $0.scalars.map { $0 / factor } } == b?.scalars, "\(what)")
        }
        // What thirty contractions leave of 2^-40 is no normal number of float32.
        if dtype == .float64 {
          let (a, b) = (scaled.initialGradient, unit.initialGradient)
          #expect(a.map { $0.scalars.map { $0 / factor } } == b?.scalars, "\(what)")
        }
        let (a, b) = (scaled.backward, unit.backward)
        #expect(a?.pullbacks == b?.pullbacks, "\(what)")
        #expect(a?.samples.map(\.applications) == b?.samples.map(\.applications), "\(what)")
        #expect(a?.samples.map(\.outcome) == b?.samples.map(\.outcome), "\(what)")
      }
    }
  }

  /// An estimator is made anew for each pass, so that a memory starts from nothing.
  private func settings(_ dtype: DType, _ problem: ClosedFormProblem) -> TestedEstimator.Settings {
    .init(tolerance: max(Accuracy(dtype: dtype).adjoint(for: problem), 1e-9), problem: problem)
  }

  @Test("cotangents whose squares underflow or overflow", arguments: TestedEstimator.ofAnySolver)
  func farScales(_ estimator: TestedEstimator) throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    for (dtype, powers) in [(DType.float64, [-900, -600, 600, 900]), (.float32, [-100, 100])] {
      let pass = { (scale: Double) in
        try differentiate(
          problem, estimator.make(settings(dtype, problem)), dtype: dtype,
          until: .evaluations(60), scale: scale)
      }
      let unit = try pass(1)
      for power in powers {
        let factor = Double(sign: .plus, exponent: power, significand: 1)
        for (a, b) in zip(try pass(factor).gradients, unit.gradients) {
          #expect(
            a.map { $0.scalars.map { $0 / factor } } == b?.scalars, "\(dtype), 2^\(power)")
        }
      }
    }
  }

  @Test("a cotangent of zeros costs no pullback", arguments: TestedEstimator.ofAnySolver)
  func zeroCotangent(_ estimator: TestedEstimator) throws {
    let result = try differentiate(
      .manufacturedTanh(0.45), estimator.make(.init(tolerance: 1e-9)), scale: 0)
    let report = try #require(result.backward)
    #expect(report.pullbacks == 0)
    #expect(report.converged)
    #expect(result.gradients.allSatisfy { $0?.largestMagnitude ?? 0 == 0 })
  }

  @Test(
    "a zero cotangent in one sample leaves that sample alone",
    arguments: TestedEstimator.ofAnySolver)
  func zeroInOneSample(_ estimator: TestedEstimator) throws {
    let a = testTensor([4, 4], seed: 2, scale: 0.3)
    let b = testTensor([3, 4], seed: 5).variable()
    let weights = Tensor([1, 0, 1e-12], shape: [3, 1], dtype: .float64)
    let solution = try estimator.make(.init(tolerance: 1e-9)).solution(
      of: FixedPointMap { $0.matmul(a, transposingOther: true) + b },
      from: b.zerosLike(), using: .picard(), until: .evaluations(80))
    let gradient = try #require(gradients(of: (solution.value * weights).sum())[b])
    #expect(gradient.slice(1..<2).scalars == [0, 0, 0, 0])
    // Both others solve the same adjoint system, one a million million times smaller.
    let large = gradient.slice(0..<1)
    let small = gradient.slice(2..<3) * 1e12
    #expect(difference(small, large, relative: 1e-8) == nil)
  }
}
