import Foundation
import Tensors

extension PublishedProblem {
  /// Equilibria and dynamic programmes of economics.
  static let economicMaps: [PublishedProblem] = [
    busEngine, lucasTree, quantalResponse, userEquilibrium, bestReplies,
  ]

  /// Expected values of a bus engine by mileage, kept or replaced, with logit shocks.
  private static let busEngine: PublishedProblem = {
    let (n, discount) = (10, 0.95)
    let running = rowVector((0..<n).map { -0.3 * Double($0) })
    let aging = matrix(n, n) { i, j in
      let steps = min(j, n - 1) - i
      if i == n - 1 { return j == i ? 1 : 0 }
      if i == n - 2 { return j == i ? 0.35 : j == i + 1 ? 0.65 : 0 }
      return steps == 0 ? 0.35 : steps == 1 ? 0.6 : steps == 2 ? 0.05 : 0
    }
    return .fixedPoint(
      "bus engine replacement", "Rust 1987, Econometrica 55, 999-1033",
      from: Array(repeating: 0, count: n)
    ) { z in
      // log(e^a + e^b) about a number near both, so that nothing overflows.
      let keep = running + z * discount
      let replace = z.at(0) * discount - 3
      let values = replace + ((keep - replace).exp() + 1).log()
      return values.times(aging)
    }
  }()

  /// Prices per dividend in five states: q = beta P G^(1 - gamma) (1 + q).
  private static let lucasTree: PublishedProblem = {
    let n = 5
    let growth = (0..<n).map { pow(1.018 + 0.036 * (Double($0) - 2) / 2, -1) }
    let persistence = matrix(n, n) { i, j in
      // An AR(1)'s transitions by Rouwenhorst's recursion, p = .8, written out as convolutions.
      rouwenhorst(n, 0.8)[i][j] * 0.97 * growth[j]
    }
    return .fixedPoint(
      "Lucas tree", "Lucas 1978, Econometrica 46, 1429-1445; Mehra and Prescott 1985",
      from: Array(repeating: 1, count: n)
    ) { ($0 + 1).times(persistence) }
  }()

  /// Rouwenhorst's matrix of n states for one probability of staying.
  private static func rouwenhorst(_ n: Int, _ p: Double) -> [[Double]] {
    var result = [[p, 1 - p], [1 - p, p]]
    for size in 3...n {
      var next = Array(repeating: Array(repeating: 0.0, count: size), count: size)
      for i in 0..<size - 1 {
        for j in 0..<size - 1 {
          next[i][j] += p * result[i][j]
          next[i][j + 1] += (1 - p) * result[i][j]
          next[i + 1][j] += (1 - p) * result[i][j]
          next[i + 1][j + 1] += p * result[i][j]
        }
      }
      for i in 1..<size - 1 { next[i] = next[i].map { $0 / 2 } }
      result = next
    }
    return result
  }

  /// Logit responses in an asymmetric game of matching pennies, where replies circle.
  private static let quantalResponse: PublishedProblem = .fixedPoint(
    "quantal response in matching pennies",
    "McKelvey and Palfrey 1995, Games Econ. Behav. 10, "
      + "6-38; payoff 9, lambda = 1", from: [0.5, 0.5]
  ) { z in
    let (p, q) = (z.at(0), z.at(1))
    return joined((q * 10 - 1).sigmoid(), (1 - p * 2).sigmoid())
  }

  /// Flows on three routes whose costs grow with the fourth power of the flow, chosen by logit.
  private static let userEquilibrium: PublishedProblem = {
    let (free, capacity) = (rowVector([1, 1.5, 2]), rowVector([3, 4, 5]))
    return .fixedPoint(
      "stochastic user equilibrium",
      "Fisk 1980, Transportation Research B 14, 243-255; costs of "
        + "the Bureau of Public Roads 1964", from: [10, 0, 0]
    ) { z in
      let load = (z / capacity).square()
      return (free * (load.square() * 0.15 + 1) * -2).softmax() * 10
    }
  }()

  /// Best replies of five firms to each other's output, unstable for more than three.
  private static let bestReplies: PublishedProblem = {
    let cost = rowVector([1, 1.5, 2, 2.5, 3])
    return .fixedPoint(
      "best replies of five firms", "Theocharis 1960, Rev. Econ. Studies 27, 133-134",
      from: [1, 1, 1, 1, 1],
      solutions: [[1, 1.5, 2, 2.5, 3].map { 10.0 / 3 - $0 }]
    ) { z in
      (10 - cost - (z.rowSum - z)) / 2
    }
  }()
}
