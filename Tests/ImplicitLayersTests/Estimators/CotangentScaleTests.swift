import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct CotangentScaleTests {
  @Test("powers of two scale every gradient exactly, with the same pullbacks")
  func exactness() throws {
    for (problemName, problem) in closedFormProblems {
      for dtype in [DType.float64, .float32] {
        for (name, estimator) in implicitEstimators(dtype == .float32 ? 1e-4 : 1e-9) {
          let what = "\(problemName), \(name), \(dtype)"
          let unit = try differentiate(
            problem, estimator, dtype: dtype, until: .evaluations(60))
          for power in [-40, -17, 23, 40] {
            let factor = Double(sign: .plus, exponent: power, significand: 1)
            // A memory of a former pass would change the start.
            if name.contains("memory") { continue }
            let scaled = try differentiate(
              problem, estimator, dtype: dtype, until: .evaluations(60), scale: factor)
            for (a, b) in zip(scaled.gradients, unit.gradients) {
              #expect(a.map { ($0 * (1 / factor)).scalars } == b?.scalars, "\(what), 2^\(power)")
            }
            let (a, b) = (scaled.solution.backwardReport, unit.solution.backwardReport)
            #expect(a?.pullbacks == b?.pullbacks, "\(what), 2^\(power)")
            #expect(
              a?.samples.map(\.applications) == b?.samples.map(\.applications), "\(what)")
          }
        }
      }
    }
  }

  @Test("cotangents whose squares underflow or overflow")
  func farScales() throws {
    for (dtype, powers) in [(DType.float64, [-900, -600, 600, 900]), (.float32, [-100, 100])] {
      for (name, estimator) in implicitEstimators(dtype == .float32 ? 1e-4 : 1e-9)
      where !name.contains("memory") {
        let unit = try differentiate(
          .manufacturedTanh(0.45), estimator, dtype: dtype, until: .evaluations(60))
        for power in powers {
          let factor = Double(sign: .plus, exponent: power, significand: 1)
          let scaled = try differentiate(
            .manufacturedTanh(0.45), estimator, dtype: dtype, until: .evaluations(60), scale: factor
          )
          for (a, b) in zip(scaled.gradients, unit.gradients) {
            #expect(
              a.map { $0.scalars.map { $0 / factor } } == b?.scalars,
              "\(name), \(dtype), 2^\(power)")
          }
        }
      }
    }
  }

  @Test("a cotangent of zeros costs no pullback")
  func zeroCotangent() throws {
    for (name, estimator) in implicitEstimators(1e-9) {
      let result = try differentiate(.manufacturedTanh(0.45), estimator, scale: 0)
      let report = try #require(result.solution.backwardReport)
      #expect(report.pullbacks == 0, "\(name)")
      #expect(report.converged, "\(name)")
      #expect(result.gradients.allSatisfy { $0?.largestMagnitude ?? 0 == 0 }, "\(name)")
    }
  }

  @Test("a zero cotangent in one sample leaves that sample alone")
  func zeroInOneSample() throws {
    let a = testTensor([4, 4], seed: 2, scale: 0.3)
    let b = testTensor([3, 4], seed: 5).variable()
    let weights = Tensor([1, 0, 1e-12], shape: [3, 1], dtype: .float64)
    for (name, estimator) in implicitEstimators(1e-9) {
      let solution = try estimator.solution(
        of: FixedPointMap { $0.matmul(a, transposingOther: true) + b },
        from: b.zerosLike(), using: .picard(), until: .evaluations(80))
      let gradient = try #require(gradients(of: (solution.value * weights).sum())[b])
      #expect(gradient.slice(1..<2).scalars == [0, 0, 0, 0], "\(name)")
      // Both others solve the same adjoint system, one a million million times smaller.
      let large = gradient.slice(0..<1)
      let small = gradient.slice(2..<3) * 1e12
      #expect(difference(small, large, relative: 1e-8) == nil, "\(name)")
    }
  }
}
