import ConformanceChecks
import ImplicitLayers
import Tensors

// snippet.solver
/// Heavy-ball iteration (Polyak 1964): the map's step, plus a fraction of the last step.
struct HeavyBall: ForwardSolver {
  let momentum: Double

  func makeHistory() -> Tensor? { nil }

  func next(after point: Iterate, _ previous: inout Tensor?) -> Tensor {
    defer { previous = point.z }
    return previous.map { point.image + (point.z - $0) * momentum } ?? point.image
  }
}
// snippet.end

// snippet.checks
let failures = try SolverChecks(HeavyBall(momentum: 0.2)).failures()
guard failures.isEmpty else { fatalError(failures.joined(separator: "\n")) }
print("heavy ball passes every check")
// snippet.end

let slow = FixedPointMap { z in z * 0.9 + 1 }
for solver in [.picard(), HeavyBall(momentum: 0.4)] as [any ForwardSolver] {
  let report = try solver.solve(
    slow, from: .zeros([1, 1]), until: .tolerance(relative: 1e-5, limit: 300)
  ).report
  print("\(solver.name): \(report.evaluations) evaluations")
}
