import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct CotangentScaleTests {
  /// What is scaled: an estimator, made anew for each pass so that a memory starts from nothing,
  /// after a solver.
  private typealias Pass = (
    name: String, solver: any ForwardSolver, make: () -> any BackwardEstimator
  )

  private func passes(_ tolerance: Double, for problem: ClosedFormProblem) -> [Pass] {
    let broyden: any ForwardSolver = .broyden()
    let count = implicitEstimators(tolerance, for: problem).count
    let implicit = (0..<count).map { index -> Pass in
      let make = { implicitEstimators(tolerance, for: problem)[index] }
      return (make().name, broyden, { make().estimator })
    }
    let reused = [0, 3].map { refinements -> Pass in
      ("quasi-Newton reuse", broyden, { .quasiNewtonReuse(refinements: refinements) })
    }
    let tied: Pass = ("straight-through", broyden, { .straightThrough(.neumann(terms: 3)) })
    let unrolled = TestedSolver.matrix.flatMap { solver in
      unrolledEstimators(steps: 5).map { name, estimator -> Pass in
        ("\(name), \(solver.name)", solver.solver, { estimator })
      }
    }
    return implicit + reused + [tied] + unrolled
  }

  @Test(
    "powers of two scale every gradient exactly, with the same pullbacks",
    arguments: ClosedFormProblem.all, [DType.float64, .float32])
  func exactness(_ problem: ClosedFormProblem, _ dtype: DType) throws {
    let tolerance = max(Accuracy(dtype: dtype).adjoint(for: problem), 1e-9)
    for (name, solver, make) in passes(tolerance, for: problem) {
      let pass = { (scale: Double) in
        try differentiate(
          problem, make(), using: solver, dtype: dtype, until: .evaluations(30),
          scale: scale)
      }
      let unit = try pass(1)
      for power in [-40, -17, 23, 40] {
        let what = "\(name), 2^\(power)"
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

  @Test("cotangents whose squares underflow or overflow")
  func farScales() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    for (dtype, powers) in [(DType.float64, [-900, -600, 600, 900]), (.float32, [-100, 100])] {
      let tolerance = max(Accuracy(dtype: dtype).adjoint(for: problem), 1e-9)
      let count = implicitEstimators(tolerance).count
      for index in 0..<count {
        let pass = { (scale: Double) in
          try differentiate(
            problem, implicitEstimators(tolerance)[index].estimator, dtype: dtype,
            until: .evaluations(60), scale: scale)
        }
        let unit = try pass(1)
        for power in powers {
          let factor = Double(sign: .plus, exponent: power, significand: 1)
          for (a, b) in zip(try pass(factor).gradients, unit.gradients) {
            #expect(
              a.map { $0.scalars.map { $0 / factor } } == b?.scalars,
              "\(implicitEstimators(tolerance)[index].name), \(dtype), 2^\(power)")
          }
        }
      }
    }
  }

  @Test("a cotangent of zeros costs no pullback", arguments: implicitEstimators(1e-9))
  func zeroCotangent(tabled: TabledEstimator) throws {
    let result = try differentiate(.manufacturedTanh(0.45), tabled.estimator, scale: 0)
    let report = try #require(result.backward)
    #expect(report.pullbacks == 0)
    #expect(report.converged)
    #expect(result.gradients.allSatisfy { $0?.largestMagnitude ?? 0 == 0 })
  }

  @Test(
    "a zero cotangent in one sample leaves that sample alone", arguments: implicitEstimators(1e-9))
  func zeroInOneSample(tabled: TabledEstimator) throws {
    let a = testTensor([4, 4], seed: 2, scale: 0.3)
    let b = testTensor([3, 4], seed: 5).variable()
    let weights = Tensor([1, 0, 1e-12], shape: [3, 1], dtype: .float64)
    let solution = try tabled.estimator.solution(
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
