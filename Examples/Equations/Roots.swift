import ImplicitLayers
import Tensors

// snippet.state
/// Where two curves cross: one point for each sample.
struct Crossing: FixedPointState {
  var x: Tensor, y: Tensor
  var tensors: [Tensor] { [x, y] }
  init(x: Tensor, y: Tensor) { (self.x, self.y) = (x, y) }
  init(tensors: [Tensor]) { (x, y) = (tensors[0], tensors[1]) }
}
// snippet.end

/// Docs/HowTo/FindARoot.md.
func findRoots() throws {
  func column(_ numbers: [Double]) -> Tensor {
    Tensor(numbers, shape: [numbers.count, 1], dtype: .float64)
  }

  // snippet.root
  let radius = column([1, 2]).variable()
  let crossing = try root(
    of: { p in Crossing(x: p.x.square() + p.y.square() - radius.square(), y: p.y - p.x.exp() + 1) },
    from: Crossing(x: column([1, 1]), y: column([1, 1])))
  print("x:", numbers(crossing.x.scalars), "y:", numbers(crossing.y.scalars))
  print("dx/dr:", numbers(try gradients(of: crossing.x.sum())[radius]!.scalars))
  // snippet.end

  // snippet.report
  let target = column([0.5, 2])
  let solution = try solve(.root { x in x.sin() - target }, from: column([0, 0]))
  for (sample, entry) in solution.report.samples.enumerated() {
    print("sin x = \(target.scalars[sample]): \(entry.outcome)")
  }
  // snippet.end

  // snippet.message
  do {
    _ = try root(of: { x in x.sin() - target }, from: column([0, 0]))
  } catch let error as UnconvergedSolve {
    print("samples without a root:", error.report.failed)
  }
  // snippet.end

  // snippet.solvers
  let a = column([2, 10, 30])
  let rule = StoppingRule.tolerance(relative: 1e-10, absolute: 1e-10, limit: 500)
  for solver in [.newtonKrylov(), .newton(), .broyden(), .anderson(), .automatic]
    as [any ForwardSolver]
  {
    let solution = try solve(
      .root { x in (x * x * x + x - a) * 0.03 }, from: column([1, 1, 1]), using: solver,
      until: rule)
    print("\(solver.name): \(solution.report)")
  }
  // snippet.end
}
