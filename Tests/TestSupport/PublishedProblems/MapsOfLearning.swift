import Foundation
import Tensors

extension PublishedProblem {
  /// Cells of machine learning.
  static let mapsOfLearning: [PublishedProblem] = [
    equilibrium(8, 0.25), equilibrium(12, 0.6),
    normalizedCell,
    softMeans("soft k-means", sharpness: 4), softMeans("soft k-means, blurred", sharpness: 1.05),
    hopfield,
    slots,
    sinkhorn("Sinkhorn 2 x 2", matrix([[4, 1], [2, 1]])),
    sinkhorn("Sinkhorn 5 x 5", matrix(5, 5) { exp(-6 * abs(sin(Double(3 * $0 + 2 * $1 + 1)))) }),
    logisticRegression,
  ]

  /// tanh(W z + b), W_ij = s sin(i (j + 1) + i^2).
  private static func equilibrium(_ n: Int, _ s: Double) -> PublishedProblem {
    let w = matrix(n, n) { i, j in s * sin(Double((i + 1) * (j + 2) + (i + 1) * (i + 1))) }
    let b = rowVector((0..<n).map { 0.5 * cos(Double($0 + 1)) })
    return .fixedPoint(
      "deep equilibrium cell, n = \(n), s = \(s)", "Bai, Kolter and Koltun 2019, NeurIPS",
      from: Array(repeating: 0, count: n)
    ) { ($0.times(w) + b).tanh() }
  }

  /// layerNorm(relu(W z + b)), with weights of a gain above 1.
  private static let normalizedCell: PublishedProblem = {
    let n = 16
    let w = matrix(n, n) { i, j in 0.5 * sin(Double(7 * i * i + 3 * j * (i + 2) + 1)) }
    let b = rowVector((0..<n).map { sin(Double(5 * $0 + 2)) })
    return .fixedPoint(
      "layer norm of a rectifier",
      "Bai, Kolter and Koltun 2020, NeurIPS: the multiscale cell's "
        + "norm", from: Array(repeating: 0, count: n)
    ) { z in
      let rectified = (z.times(w) + b).relu()
      let centred = rectified - rectified.rowSum / Double(n)
      return centred / (centred.square().rowSum / Double(n) + 1e-5).sqrt()
    }
  }()

  /// Two means of six points on a line, each point shared by a softmax of squared distances.
  private static func softMeans(_ name: String, sharpness: Double) -> PublishedProblem {
    let points = Tensor(
      [-1.5, -1.1, -0.6, 0.7, 1.0, 1.5], shape: [6, 1], dtype: .float64)
    return .fixedPoint(
      name, "Rose, Gurewitz and Fox 1990, Phys. Rev. Lett. 65, 945-948; sharpness \(sharpness)",
      from: [-0.2, 0.5]
    ) { z in
      let shares = ((points - z).square() * -sharpness).softmax()
      return (shares * points).sum(alongAxis: 0, keepingAxis: true)
        / shares.sum(alongAxis: 0, keepingAxis: true)
    }
  }

  /// X softmax(beta X^T z) with three stored patterns of six numbers.
  private static let hopfield: PublishedProblem = {
    let patterns = matrix(3, 6) { i, j in cos(Double((i + 1) * (2 * j + 1))) }
    return .fixedPoint(
      "modern Hopfield network", "Ramsauer et al. 2021, ICLR, equation 3; beta = 1.5",
      from: [0.5, -0.4, 0.3, 0.2, -0.1, 0.6]
    ) { ($0.times(patterns) * 1.5).softmax().matmul(patterns) }
  }()

  /// Slot attention without its gated unit: three slots of four numbers, eight tokens.
  private static let slots: PublishedProblem = {
    let (k, d, m) = (3, 4, 8)
    let keys = matrix(m, d) { i, j in 1.2 * sin(Double(3 * i * (j + 1) + j * j + 1)) }
    let values = matrix(m, d) { i, j in cos(Double(2 * i * (j + 2) + j)) }
    let queries = matrix(d, d) { i, j in sin(Double(i * 4 + 3 * j + 1)) }
    return .fixedPoint(
      "slot attention", "Locatello et al. 2020, NeurIPS, algorithm 1, without gates and norms",
      from: (0..<k * d).map { 0.5 * sin(Double(11 * $0 + 3)) }
    ) { z in
      let slots = z.reshaped([k, d])
      // Tokens share themselves among slots; slots then average their tokens.
      let shares = (keys.times(slots.matmul(queries)) / 2).softmax()
      let averages = shares / (shares.sum(alongAxis: 0, keepingAxis: true) + 1e-8)
      return averages.matmul(values, transposingSelf: true).reshaped([1, k * d])
    }
  }()

  /// log u = log a - log(K exp(log b - log(K^T u))) with even marginals; u is known up to a factor.
  private static func sinkhorn(_ name: String, _ kernel: Tensor) -> PublishedProblem {
    let n = kernel.shape[0]
    return .fixedPoint(
      name, "Sinkhorn 1964, Ann. Math. Statist. 35, 876-879; Cuturi 2013, NeurIPS",
      from: Array(repeating: 0, count: n)
    ) { z in
      let other = 1 / z.exp().matmul(kernel)
      return -(other.times(kernel)).log()
    }
  }

  /// One step of gradient descent on a logistic regression with a ridge.
  private static let logisticRegression: PublishedProblem = {
    let (m, n) = (20, 5)
    let rows = matrix(m, n) { i, j in sin(Double(3 * i + 5 * j * (i + 1) + 2)) }
    let labels = rowVector((0..<m).map { $0 * 7 % 3 == 0 ? 1 : 0 })
    return .fixedPoint(
      "logistic regression by gradient descent",
      "Böhning and Lindsay 1988, Ann. Inst. Statist. "
        + "Math. 40, 641-663", from: Array(repeating: 0, count: n)
    ) { z in
      let gradient = (z.times(rows).sigmoid() - labels).matmul(rows) + z * 0.05
      return z - gradient * 0.3
    }
  }()
}
