import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct StoppingTests {
  @Test("a cycle stalls instead of using up the limit")
  func stall() throws {
    let report = try Picard().solve(
      { 1 - $0 }, from: .zeros([1, 2], dtype: .float64),
      until: .tolerance(relative: 1e-6, limit: 1000)
    ).report
    #expect(report.samples[0].outcome == .stalled)
    #expect(report.evaluations == 51)
    #expect(report.description.contains("cycle"))
  }

  /// Under z -> r z + 1 the distance from 1 / (1 - r), and the residual with it, falls by r a step.
  @Test("a warm start just above the tolerance takes the evaluations that bring it below")
  func warmStart() throws {
    let (r, tolerance) = (0.999, 1e-6)
    // 1.1 times the tolerance needs r^k <= 1 / 1.1, k = 96; to half of it would be 694.
    let start = (1 - 1.1 * tolerance / (1 - r)) / (1 - r)
    let solution = try Picard().solve(
      { z in z * r + 1 }, from: Tensor([start], shape: [1, 1], dtype: .float64),
      until: .tolerance(relative: tolerance, limit: 5000))
    let evaluations = solution.report.samples[0].evaluations
    #expect(solution.report.converged && (95...99).contains(evaluations), "\(evaluations)")
  }

  @Test func aTraceIsKeptOnlyWhenAskedFor() throws {
    let a = Tensor([0.5, 0.25], shape: [2, 1], dtype: .float64)
    let map = { (z: Tensor) in z * a + 1 }
    let rule = StoppingRule.tolerance(relative: 0, absolute: 0.1, limit: 9)
    let start = Tensor.zeros([2, 1], dtype: .float64)
    let silent = try Picard().solve(map, from: start, until: rule)
    #expect(silent.report.samples.allSatisfy { $0.trace.isEmpty })
    let traced = try Picard().solve(map, from: start, until: rule.keepingTrace())
    #expect(traced.report.samples[0].trace == [1, 0.5, 0.25, 0.125, 0.0625])
    #expect(traced.report.samples[1].trace == [1, 0.25, 0.0625])
    let counted = try Picard().solve(
      map, from: start, until: .evaluations(2).keepingTrace())
    #expect(counted.report.samples[1].trace == [1, 0.25])
  }

  /// f(z) = c - z / 2 with c = 3/2 + 4 u, u = 2^-23, has no fixed point among floats.
  ///
  /// Halving is exact and the difference is rounded once, fused or not. At z = 1 + (2 + d) u it is
  /// 1 + (3 - d / 2) u, so d becomes 1 - d / 2, rounded to even: 0 becomes 1, and 1 becomes 0. The
  /// residual is u for ever, on every IEEE machine; powers of two in front change nothing.
  @Test("a float32 map under a float64 tolerance explains itself")
  func resolution() throws {
    let scale: [Double] = [1, 2, 0.25, 8, 0.5, 4, 1]
    let c = 1.5 + 4 * Double(Float.ulpOfOne)
    let x = Tensor(
      (scale + scale.reversed()).map { $0 * c }, shape: [2, 7], dtype: .float32)
    let report = try Picard().solve(
      { z in x - z * 0.5 }, from: .zeros([2, 7]),
      until: .tolerance(relative: 0, absolute: 1e-14, limit: 300)
    ).report
    #expect(!report.converged)
    #expect(report.description.contains("float32"))
    #expect(report.description.contains("rounding"))
    #expect(report.description.contains("float64"))
  }

  @Test func aNonFiniteInitialStateIsThatSamplesOutcome() throws {
    let start = Tensor([1, .nan, 2, 3, .infinity, 0], shape: [3, 2], dtype: .float64)
    let solution = try Picard().solve(
      { $0 * 0.5 }, from: start, until: .tolerance(relative: 0, absolute: 1e-6, limit: 60))
    #expect(solution.report.samples.map(\.outcome) == [.nonFinite, .converged, .nonFinite])
    #expect(solution.report.description.contains("initial state"))
    #expect(solution.report.samples[0].evaluations == 0)
  }

  @Test(
    arguments: TestedSolver.all,
    [StoppingRule.evaluations(3), .tolerance(relative: 1e-6, limit: 9)])
  func everySolverTakesAnEmptyBatch(_ tested: TestedSolver, _ rule: StoppingRule) throws {
    let z = try fixedPoint(
      from: .zeros([0, 3]), using: tested.solver, estimator: .unrolled, until: rule
    ) { $0 * 0.5 }
    #expect(z.shape == [0, 3])
  }

  @Test("samples leave a solver whose history says what belongs to them")
  func dividedHistory() throws {
    struct Momentum: ForwardSolver {
      func makeHistory() -> Tensor? { nil }
      func next(after point: Iterate, _ last: inout Tensor?) -> Tensor {
        defer { last = point.z }
        return last.map { point.image + (point.z - $0) * 0.2 } ?? point.image
      }
    }
    let orbits = KeplerBatch.five
    let solution = try Momentum().solve(
      orbits.map(), from: orbits.meanAnomalies,
      until: .tolerance(relative: 0, absolute: 1e-10, limit: 1500))
    #expect(solution.report.converged)
    #expect(solution.report.sampleEvaluations < 2 * solution.report.evaluations)
    #expect(difference(solution.value, orbits.solution, absolute: 1e-8) == nil)
  }
}

@Suite struct SolverMistakeTests {
  @Test func depthOutOfRange() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Anderson(depth: 0) }
    #expect(errorText(result).contains("1...64, not 0"))
  }

  @Test func anIterateOfAnotherShape() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      struct Wrong: ForwardSolver {
        func next(after point: Iterate, _ history: inout NoHistory) -> Tensor {
          point.image.reshaped([3, 2])
        }
      }
      _ = try Wrong().solve({ $0 }, from: .zeros([2, 3]), until: .evaluations(2))
    }
    #expect(errorText(result).contains("[2, 3]"))
    #expect(errorText(result).contains("[3, 2]"))
    #expect(errorText(result).contains("Wrong"))
  }

  @Test func anotherPrecision() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try fixedPoint(from: .zeros([2, 3])) { $0.converted(to: .float64) } }
    #expect(errorText(result).contains("float32 [2, 3]"))
    #expect(errorText(result).contains("float64 [2, 3]"))
  }
}
