import Foundation
import ImplicitLayers
import Tensors

/// Docs/HowTo/BringYourOwnSolver.md.
func ownSolver() throws {
  // snippet.heron
  let a = Tensor([2, 9], shape: [2, 1], dtype: .float64).variable()
  let roots = a.scalars.map { a in (0..<60).reduce(a) { x, _ in (x + a / x) / 2 } }
  let x = try Tensor(roots, shape: [2, 1], dtype: .float64).asSolution(of: .root { x in x * x - a })
  print("roots:", numbers(x.scalars))
  print("dx/da:", numbers(try gradients(of: x.sum())[a]!.scalars))
  // snippet.end

  // snippet.wrong
  do {
    _ = try Tensor([1.5, 3], shape: [2, 1], dtype: .float64)
      .asSolution(of: .root { x in x * x - a })
  } catch let error as UnconvergedSolve {
    print("no solution in samples", error.report.failed)
  }
  // snippet.end

  // snippet.lasso
  // Coordinate descent on |X w - y|^2 / 2 + c |w|_1, on plain numbers.
  let (design, targets) = (
    [[1.0, 0.5, 0.2], [0.3, 1, 0.1], [0.2, 0.4, 1], [1, 1, 1]], [2.0, 0.1, 0.5, 2]
  )
  func coordinateDescent(_ c: Double) -> [Double] {
    var w = [0.0, 0, 0]
    for step in 0..<3000 {
      let j = step % 3
      let slope = zip(design, targets).reduce(0) { sum, row in
        let others = w.indices.reduce(0) { $0 + ($1 == j ? 0 : row.0[$1] * w[$1]) }
        return sum + row.0[j] * (row.1 - others)
      }
      let shrunk = max(slope - c, 0) - max(-slope - c, 0)
      w[j] = shrunk / design.reduce(0) { $0 + $1[j] * $1[j] }
    }
    return w
  }
  // What holds where the loss is least: w = shrink(w - s X^T (X w - y), s c), for any s > 0.
  let matrix = Tensor(design.flatMap { $0 }, shape: [4, 3], dtype: .float64)
  let y = Tensor(targets, shape: [1, 4], dtype: .float64)
  let c = Tensor(0.3, dtype: .float64).variable()
  let w = try Tensor(coordinateDescent(c.scalar), shape: [1, 3], dtype: .float64).asSolution(
    of: .fixedPoint { w in
      let moved = w - (w.matmul(matrix, transposingOther: true) - y).matmul(matrix) * 0.2
      return (moved - c * 0.2).relu() - (-moved - c * 0.2).relu()
    })
  print("weights:", numbers(w.scalars))
  let table = try gradients(of: w, cotangent: Tensor([1, 0, 0], shape: [1, 3], dtype: .float64))
  let step = 1e-6
  let change = (coordinateDescent(0.3 + step)[0] - coordinateDescent(0.3 - step)[0]) / (2 * step)
  print("d w[0] / d c:", numbers([table[c]!.scalar]), "by differences:", numbers([change]))
  // snippet.end
}
