import ConformanceChecks
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct ConformanceTests {
  @Test(
    arguments: TestedSolver.all.map(\.solver) + [
      .picard(relaxation: 0.5), .anderson(depth: 2, mixing: 0.5), .broyden(updates: 3),
    ])
  func everySolverConforms(_ solver: any ForwardSolver) throws {
    let failures = try SolverChecks(solver).failures()
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  private struct MixesSamples: ForwardSolver {
    func next(after point: Iterate, _ history: inout NoHistory) -> Tensor {
      guard !point.norms.isEmpty else { return point.image }
      // The batch's mean step length decides how far every sample goes.
      let mean = point.norms.reduce(0, +) / Double(point.norms.count)
      return point.z + point.residual * (mean > 0.1 ? 0.9 : 1)
    }
  }
  private struct CutsTheTape: ForwardSolver {
    func next(after point: Iterate, _ history: inout NoHistory) -> Tensor { point.image.detached() }
  }
  private struct StandsStill: ForwardSolver {
    func next(after point: Iterate, _ history: inout NoHistory) -> Tensor { point.z }
  }
  private static let mistakes: [(any ForwardSolver, String)] = [
    (MixesSamples(), "alone than in a batch"), (MixesSamples(), "NaN in sample 1"),
    (CutsTheTape(), "loses the gradient"), (StandsStill(), "does not solve"),
  ]

  @Test("each kind of mistake is found and named", arguments: mistakes)
  func mistakesAreFound(_ solver: any ForwardSolver, _ text: String) throws {
    let failures = try SolverChecks(solver).failures()
    #expect(failures.contains { $0.contains(text) }, "\(failures)")
  }
}
