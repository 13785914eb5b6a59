import Foundation
import Tensors

/// A fixed-point problem with its exact solution, one of those that every solver and estimator
/// must get right.
public struct ClosedFormProblem: Sendable {
  /// z -> f(z; theta) for given parameters, in the order of `parameters`.
  public let map: @Sendable (_ z: Tensor, _ parameters: [Tensor]) -> Tensor
  /// theta.
  public let parameters: [Tensor]
  /// Where solves start.
  public let initial: Tensor
  /// z*.
  public let solution: Tensor
  /// L as a function of z*.
  public let loss: @Sendable (Tensor) -> Tensor
  /// dL/dtheta.
  public let gradients: [Tensor]
}

extension ClosedFormProblem {
  /// z = cos(theta z) at theta = 1, L = z.
  public static let scalarCosine = ClosedFormProblem(
    map: { z, theta in (z * theta[0]).cos() },
    parameters: [Tensor([1], shape: [1, 1], dtype: .float64)],
    initial: Tensor([1], shape: [1, 1], dtype: .float64),
    solution: Tensor([0.7390851332151606416553121], shape: [1, 1], dtype: .float64),
    loss: { $0.sum() },
    gradients: [Tensor([-0.297474341509832260557941], shape: [1, 1], dtype: .float64)])

  /// z = A z + b in rationals, L = |z|^2 / 2.
  public static let rationalLinear: ClosedFormProblem = {
    let z: [Double] = [44.0 / 7, 60.0 / 7, 64.0 / 7]
    let u: [Double] = [208.0 / 7, 32, 240.0 / 7]
    return ClosedFormProblem(
      map: { z, theta in z.matmul(theta[0], transposingOther: true) + theta[1] },
      parameters: [
        Tensor([0.5, 0.25, 0, 0, 0.5, 0.25, 0.25, 0, 0.5], shape: [3, 3], dtype: .float64),
        Tensor([1, 2, 3], shape: [3], dtype: .float64),
      ],
      initial: .zeros([1, 3], dtype: .float64),
      solution: Tensor(z, shape: [1, 3], dtype: .float64),
      loss: { $0.square().sum() / 2 },
      gradients: [
        Tensor(u.flatMap { u in z.map { u * $0 } }, shape: [3, 3], dtype: .float64),
        Tensor(u, shape: [3], dtype: .float64),
      ])
  }()

  /// z = tanh(W z + b) of eight numbers with a manufactured solution, L = sum z.
  ///
  /// W_ij = s sin(i (j + 1) + i^2), z*_i = 0.8 sin i, b = atanh(z*) - W z*.
  public static func manufacturedTanh(_ s: Double) -> ClosedFormProblem {
    let n = 8
    let entry = { (i: Int, j: Int) -> Double in s * sin(Double(i * (j + 1) + i * i)) }
    let w: [[Double]] = (1...n).map { i in (1...n).map { j in entry(i, j) } }
    let z: [Double] = (1...n).map { 0.8 * sin(Double($0)) }
    let b: [Double] = (0..<n).map { i -> Double in
      let product = zip(w[i], z).map(*).reduce(0, +)
      return atanh(z[i]) - product
    }
    // (I - J^T) u = 1 with J = diag(1 - z^2) W, by Gaussian elimination in plain numbers.
    let d: [Double] = z.map { 1 - $0 * $0 }
    var system: [[Double]] = (0..<n).map { i -> [Double] in
      let row = (0..<n).map { j -> Double in (i == j ? 1.0 : 0.0) - d[j] * w[j][i] }
      return row + [1.0]
    }
    for pivot in 0..<n {
      for row in pivot + 1..<n {
        let factor = system[row][pivot] / system[pivot][pivot]
        for column in pivot...n { system[row][column] -= factor * system[pivot][column] }
      }
    }
    var u = [Double](repeating: 0, count: n)
    for row in (0..<n).reversed() {
      let known = (row + 1..<n).map { system[row][$0] * u[$0] }.reduce(0, +)
      u[row] = (system[row][n] - known) / system[row][row]
    }
    let gradientB = zip(d, u).map(*)
    return ClosedFormProblem(
      map: { z, theta in (z.matmul(theta[0], transposingOther: true) + theta[1]).tanh() },
      parameters: [
        Tensor(w.flatMap { $0 }, shape: [n, n], dtype: .float64),
        Tensor(b, shape: [n], dtype: .float64),
      ],
      initial: .zeros([1, n], dtype: .float64),
      solution: Tensor(z, shape: [1, n], dtype: .float64),
      loss: { $0.sum() },
      gradients: [
        Tensor(gradientB.flatMap { g in z.map { g * $0 } }, shape: [n, n], dtype: .float64),
        Tensor(gradientB, shape: [n], dtype: .float64),
      ])
  }
}
