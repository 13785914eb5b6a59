import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct PatienceTests {
  @Test("growth from a tiny first residual is neither a stall nor divergence")
  func unstableStart() throws {
    // z -> z + .11 z (1 - z^2): 0 is unstable, +-1 attracts; from 1e-3 the residual grows for 66
    // evaluations, by a factor of some hundred.
    for start in [1e-3, 1e-9] {
      let solution = try Picard().solve(
        { z in z + z * (1 - z.square()) * 0.11 },
        from: Tensor([start], shape: [1, 1], dtype: .float64),
        until: .tolerance(relative: 1e-8, limit: 600))
      #expect(solution.report.converged, "from \(start): \(solution.report)")
      #expect(abs(solution.value.scalar - 1) < 1e-6)
    }
  }

  @Test("a cycle is a stall, and growth without bound divergence")
  func trueFailures() throws {
    let rule = StoppingRule.tolerance(relative: 1e-8, limit: 600)
    let cycle = try Picard().solve(
      { z in -z }, from: .ones([1, 1], dtype: .float64), until: rule
    ).report.samples[0]
    #expect(cycle.outcome == .stalled && cycle.evaluations <= 60, "\(cycle)")
    let growth = try Picard().solve(
      { z in z * 1.5 + 1 }, from: .ones([1, 1], dtype: .float64), until: rule
    ).report.samples[0]
    #expect(growth.outcome == .diverged && growth.evaluations <= 30, "\(growth)")
  }
}
