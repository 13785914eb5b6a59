import Foundation
import Tensors

/// A fixed-point problem with its exact solution, one of those that every solver and estimator
/// must get right.
public struct ClosedFormProblem: Sendable, CustomStringConvertible {
  /// What tests call it.
  public let name: String
  /// A bound on the spectral radius of J.
  public let contraction: Double
  /// A bound on |1 / (1 - lambda)| over the eigenvalues of J, of each sample: how much larger the
  /// error of z may be than its residual.
  public let condition: [Double]
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
  /// J = df/dz at z*, [batch, n, n].
  public let jacobian: Tensor
  /// u = (I - J^T)^-1 dL/dz*, [batch, n].
  public let adjoint: Tensor
  /// (df/dtheta)^T w at z* for any w, in the order of `parameters`.
  public let parameterGradients: @Sendable (_ w: Tensor) -> [Tensor]

  /// The name.
  public var description: String { name }

  /// dL/dtheta.
  public var gradients: [Tensor] { parameterGradients(adjoint) }

  /// J^T w.
  public func pullback(_ w: Tensor) -> Tensor {
    w.reshaped([w.shape[0], 1, w.shape[1]]).matmul(jacobian).reshaped(w.shape)
  }

  /// What k damped terms of the Neumann series make of the adjoint: (I - M^k) u with
  /// M = (1 - tau) I + tau J^T.
  ///
  /// For one unknown that is u times 1 - ((1 - tau) + tau J)^k.
  public func adjoint(ofTerms terms: Int, relaxation: Double) -> Tensor {
    var power = adjoint
    for _ in 0..<terms { power = power * (1 - relaxation) + pullback(power) * relaxation }
    return adjoint - power
  }

  /// The iterations, damped if wanted, that reduce an error by 1e-17.
  ///
  /// Where |lambda| <= rho, |1 - tau + tau lambda| <= 1 - tau (1 - rho).
  public func iterations(relaxation: Double = 1) -> Int {
    Int((log(1e-17) / log(1 - relaxation * (1 - contraction))).rounded(.up))
  }

  /// Every problem.
  public static let all: [ClosedFormProblem] = [
    .scalarCosine, .rationalLinear, .manufacturedTanh(0.25), .manufacturedTanh(0.45), .tanhBatch,
    .keplerBatch,
  ]
}

extension ClosedFormProblem {
  /// z = cos(theta z) at theta = 1, L = z.
  public static let scalarCosine = ClosedFormProblem(
    name: "scalar cosine", contraction: 0.674, condition: [1],
    map: { z, theta in (z * theta[0]).cos() },
    parameters: [Tensor([1], shape: [1, 1], dtype: .float64)],
    initial: Tensor([1], shape: [1, 1], dtype: .float64),
    solution: Tensor([0.7390851332151606416553121], shape: [1, 1], dtype: .float64),
    loss: { $0.sum() },
    jacobian: Tensor([-0.67361202918321481534], shape: [1, 1, 1], dtype: .float64),
    // df/dtheta = -z sin(theta z) = z J, and z J / (1 - J) = -.297474341509832260557941.
    adjoint: Tensor([1 / 1.67361202918321481534], shape: [1, 1], dtype: .float64),
    parameterGradients: { [$0 * (0.7390851332151606416553121 * -0.67361202918321481534)] })

  /// z = A z + b in rationals, L = |z|^2 / 2.
  public static let rationalLinear: ClosedFormProblem = {
    let z: [Double] = [44.0 / 7, 60.0 / 7, 64.0 / 7]
    let u: [Double] = [208.0 / 7, 32, 240.0 / 7]
    let a = [0.5, 0.25, 0, 0, 0.5, 0.25, 0.25, 0, 0.5]
    return ClosedFormProblem(
      name: "rational linear", contraction: 0.75, condition: [4],
      map: { z, theta in z.matmul(theta[0], transposingOther: true) + theta[1] },
      parameters: [
        Tensor(a, shape: [3, 3], dtype: .float64),
        Tensor([1, 2, 3], shape: [3], dtype: .float64),
      ],
      initial: .zeros([1, 3], dtype: .float64),
      solution: Tensor(z, shape: [1, 3], dtype: .float64),
      loss: { $0.square().sum() / 2 },
      jacobian: Tensor(a, shape: [1, 3, 3], dtype: .float64),
      adjoint: Tensor(u, shape: [1, 3], dtype: .float64),
      parameterGradients: { w in
        let w = w.scalars
        return [
          Tensor(w.flatMap { w in z.map { w * $0 } }, shape: [3, 3], dtype: .float64),
          Tensor(w, shape: [3], dtype: .float64),
        ]
      })
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
    let jacobian = (0..<n).flatMap { i in w[i].map { d[i] * $0 } }
    return ClosedFormProblem(
      name: "tanh, s = \(s)", contraction: 1.34 * s, condition: [1 / (1 - 1.34 * s)],
      map: { z, theta in (z.matmul(theta[0], transposingOther: true) + theta[1]).tanh() },
      parameters: [
        Tensor(w.flatMap { $0 }, shape: [n, n], dtype: .float64),
        Tensor(b, shape: [n], dtype: .float64),
      ],
      initial: .zeros([1, n], dtype: .float64),
      solution: Tensor(z, shape: [1, n], dtype: .float64),
      loss: { $0.sum() },
      jacobian: Tensor(jacobian, shape: [1, n, n], dtype: .float64),
      adjoint: Tensor(u, shape: [1, n], dtype: .float64),
      parameterGradients: { w in
        let gradientB = zip(d, w.scalars).map(*)
        return [
          Tensor(gradientB.flatMap { g in z.map { g * $0 } }, shape: [n, n], dtype: .float64),
          Tensor(gradientB, shape: [n], dtype: .float64),
        ]
      })
  }

  /// The tanh problem for three s at once, each sample with a W and b of its own.
  public static let tanhBatch: ClosedFormProblem = {
    let parts = [0.25, 0.45, 0.1].map { manufacturedTanh($0) }
    let batch = parts.count
    @Sendable func joined(_ tensors: [Tensor], _ shape: Shape) -> Tensor {
      Tensor.concatenated(tensors.map { $0.reshaped([1, $0.count]) }).reshaped(shape)
    }
    @Sendable func parameters(_ lists: [[Tensor]]) -> [Tensor] {
      [joined(lists.map { $0[0] }, [batch, 8, 8]), joined(lists.map { $0[1] }, [batch, 8])]
    }
    return ClosedFormProblem(
      name: "tanh, s = 0.25, 0.45 and 0.1", contraction: parts.map(\.contraction).max() ?? 1,
      condition: parts.flatMap(\.condition),
      map: { z, theta in
        (theta[0].matmul(z.reshaped([batch, 8, 1])).reshaped([batch, 8]) + theta[1]).tanh()
      },
      parameters: parameters(parts.map(\.parameters)),
      initial: .zeros([batch, 8], dtype: .float64),
      solution: joined(parts.map(\.solution), [batch, 8]), loss: { $0.sum() },
      jacobian: joined(parts.map(\.jacobian), [batch, 8, 8]),
      adjoint: joined(parts.map(\.adjoint), [batch, 8]),
      parameterGradients: { w in
        parameters(
          parts.enumerated().map { $1.parameterGradients(w.slice($0..<$0 + 1)) })
      })
  }()
}
