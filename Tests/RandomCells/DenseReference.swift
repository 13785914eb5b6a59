import Foundation
import Tensors

/// What is true of one sample of a cell, in float64 with dense matrices.
struct DenseReference {
  let cell: RandomCell
  let sample: Int
  private let input: Tensor

  init(of cell: RandomCell, sample: Int) {
    self.cell = cell
    self.sample = sample
    input = cell.input.slice(sample..<sample + 1)
  }

  /// f(z), [1, n].
  func image(_ z: Tensor) -> Tensor { cell.image(z, cell.weights, input) }

  /// |f(z) - z| and |f(z)|.
  func residual(_ z: Tensor) -> (residual: Double, image: Double) {
    let fz = image(z)
    return ((fz - z).normsOfSamples[0], fz.normsOfSamples[0])
  }

  /// The norm of what rounding may make of f(z) - z in the cell's dtype: of the products
  /// W z with their n terms each, of s and of the sum.
  func noise(at z: Tensor) -> Double {
    let epsilon = cell.dtype.machineEpsilon
    let products = z.abs().matmul(cell.weights.abs(), transposingOther: true).normsOfSamples[0]
    let n = Double(cell.size).squareRoot()
    return 4 * epsilon * (n * products + input.normsOfSamples[0] + z.normsOfSamples[0])
  }

  /// I - J at z, [n, n].
  func system(at z: Tensor) -> Tensor {
    let y = z.matmul(cell.weights, transposingOther: true)
    let slopes: Tensor
    switch cell.kind {
    case .linear: slopes = .ones(y.shape, dtype: .float64)
    case .tanh: slopes = 1 - y.tanh().square()
    case .rational:
      let square = y.square()
      slopes = (1 - square) / (square + 1).square()
    }
    let jacobian = slopes.reshaped([cell.size, 1]) * cell.weights
    return Tensor.identity(cell.size, dtype: .float64) - jacobian
  }

  /// The solution near z by Newton's method; nil if it does not settle there.
  func solution(near z: Tensor) -> Tensor? {
    var point = z
    for _ in 0..<50 {
      guard let step = solve(system(at: point), image(point) - point, transposed: false) else {
        return nil
      }
      point = point + step
      let size = point.normsOfSamples[0]
      guard size.isFinite else { return nil }
      if step.normsOfSamples[0] <= 1e-15 * size { return point }
    }
    let (residual, image) = residual(point)
    return residual <= 1e-13 * (1 + image) ? point : nil
  }

  /// A^-1 b or A^-T b; nil where A is singular.
  func solve(_ a: Tensor, _ b: Tensor, transposed: Bool) -> Tensor? {
    guard let factors = try? LUFactorization(of: a.reshaped([1, cell.size, cell.size])) else {
      return nil
    }
    let x = factors.solve(b, transposed: transposed)
    return x.firstNonFiniteIndex == nil ? x : nil
  }

  /// The ratio of the largest singular value to the smallest.
  func condition(of a: Tensor) -> Double {
    guard let values = try? a.singularValues().scalars, let first = values.first,
      let last = values.last
    else { return .infinity }
    return first / last
  }
}
