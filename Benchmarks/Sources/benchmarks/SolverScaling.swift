import ImplicitLayers
import Tensors

/// Seconds of an iteration of each solver against the size of a state and the number of samples, as JSON
/// rows; one thread.
///
/// The map is z -> tanh(z) / 2 + x, which costs as much as a state has numbers: what grows faster is the
/// solver's own. Newton's method assembles dense Jacobians, and is measured at smaller states.
func solverScaling() throws -> String {
  var rows: [String] = []
  for (name, solver, isDense) in [
    ("picard", .picard(), false), ("anderson", .anderson(depth: 5), false),
    ("broyden", .broyden(), false), ("paired", .paired(), false),
    ("newton-krylov", .newtonKrylov(), false), ("newton", .newton(), true),
  ] as [(String, any ForwardSolver, Bool)] {
    let (sizes, width) = isDense ? ([64, 128, 256], 64) : ([4096, 16384, 65536], 1024)
    for size in sizes {
      rows.append(try row(name, solver, "n", size, [isDense ? 2 : 8, size]))
    }
    for batch in [16, 64, 256] {
      rows.append(try row(name, solver, "batch", batch, [batch, width]))
    }
  }
  return "[" + rows.joined(separator: ",\n ") + "]"
}

/// The median of some solves of a few evaluations.
private func row(
  _ name: String, _ solver: any ForwardSolver, _ axis: String, _ value: Int, _ shape: Shape
) throws -> String {
  var generator = Philox(seed: 51)
  let x = Tensor.normal(shape, using: &generator)
  let map = FixedPointMap { z in z.tanh() * 0.5 + x }
  var times: [Double] = []
  for _ in 0..<7 {
    times.append(
      try secondsOfARound {
        try withoutRecording {
          _ = try solver.solve(map, from: x.zerosLike(), until: .evaluations(6))
        }
      })
  }
  return #"{"solver": "\#(name)", "axis": "\#(axis)", "value": \#(value), "seconds": "#
    + "\(times.sorted()[3])}"
}
