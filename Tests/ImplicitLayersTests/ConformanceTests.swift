import ConformanceChecks
import ImplicitLayers
import Tensors
import Testing

@Suite struct ConformanceTests {
  @Test func everySolverConforms() throws {
    let solvers: [any ForwardSolver] = [
      .picard(), .picard(relaxation: 0.5), .anderson(), .anderson(depth: 2, mixing: 0.5),
      .broyden(),
      .broyden(updates: 3), .newton(), .newtonKrylov(), .automatic, .paired(),
      .paired(relaxation: 0.8),
    ]
    for solver in solvers {
      let failures = try SolverChecks(solver).failures()
      #expect(failures.isEmpty, "\(solver): \(failures.joined(separator: "\n"))")
    }
  }

  @Test("each kind of mistake is found and named")
  func mistakesAreFound() throws {
    struct MixesSamples: ForwardSolver {
      func next(after point: Iterate, _ history: inout NoHistory) -> Tensor {
        guard !point.norms.isEmpty else { return point.image }
        // The batch's mean step length decides how far every sample goes.
        let mean = point.norms.reduce(0, +) / Double(point.norms.count)
        return point.z + point.residual * (mean > 0.1 ? 0.9 : 1)
      }
    }
    struct CutsTheTape: ForwardSolver {
      func next(after point: Iterate, _ history: inout NoHistory) -> Tensor {
        point.image.detached()
      }
    }
    struct StandsStill: ForwardSolver {
      func next(after point: Iterate, _ history: inout NoHistory) -> Tensor { point.z }
    }
    let mistakes: [(any ForwardSolver, String)] = [
      (MixesSamples(), "alone than in a batch"), (MixesSamples(), "NaN in sample 1"),
      (CutsTheTape(), "loses the gradient"), (StandsStill(), "does not solve"),
    ]
    for (solver, text) in mistakes {
      let failures = try SolverChecks(solver).failures()
      #expect(failures.contains { $0.contains(text) }, "\(solver): \(failures)")
    }
  }
}
