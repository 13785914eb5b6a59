import ImplicitLayers
import Solvers
import Tensors
import Testing

/// When a report calls a residual rounding, and when it was only the limit.
@Suite struct ResolutionAdviceTests {
  /// Iteration on .9 z + .1 from 0, of which the residual at the n-th evaluation is .1 * .9^(n - 1).
  private func report(_ rule: StoppingRule) throws -> SolveReport {
    try solveFixedPoint(from: Tensor.zeros([1, 1]), using: .picard(), until: rule) {
      $0 * 0.9 + 0.1
    }.report
  }

  @Test("slow contraction that the limit has ended is not rounding")
  func contracting() throws {
    // 2.95e-6 at the hundredth, and 9.3e-7 at the 111th.
    let ended = try report(.tolerance(relative: 1e-6, absolute: 0, limit: 100, onFailure: .keeping))
    #expect(ended.samples[0].outcome == .limitReached)
    #expect(ended.samples[0].relativeResidual < 64 * 0x1p-23)
    #expect(!ended.description.contains("rounding"), "\(ended)")
    let converged = try report(.tolerance(relative: 1e-6, absolute: 0, limit: 120))
    #expect((108...114).contains(converged.evaluations), "\(converged)")
  }

  @Test("a tolerance that the dtype does not resolve is")
  func unresolved() throws {
    let report = try report(
      .tolerance(relative: 1e-9, absolute: 0, limit: 110, onFailure: .keeping))
    #expect(report.description.contains("is rounding"), "\(report)")
  }
}
