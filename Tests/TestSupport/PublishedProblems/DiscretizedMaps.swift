import Foundation
import Tensors

extension PublishedProblem {
  /// Differential and integral equations on a grid, and steps of implicit integrators.
  static let discretizedMaps: [PublishedProblem] = [
    chandrasekhar, bratu(1), bratu(3.5), jacobi,
    .fixedPoint(
      "implicit midpoint of van der Pol",
      "van der Pol 1926, mu = 10; Hairer and Wanner 1996, "
        + "Solving Ordinary Differential Equations II; h = .15", from: [2, 0]
    ) { z in
      // z = z0 + h F(z) / 2 at the middle of the step.
      let (x, y) = (z.at(0), z.at(1))
      let slope = (1 - x.square()) * y * 10 - x
      return joined(y * 0.075 + 2, slope * 0.075)
    },
    .fixedPoint(
      "implicit Euler of Robertson's reaction", "Robertson 1966; Hairer and Wanner 1996; h = .01",
      from: [1, 0, 0]
    ) { z in
      let (x, y, w) = (z.at(0), z.at(1), z.at(2))
      let (slow, fast, faster) = (x * 0.04, y * w * 1e4, y.square() * 3e7)
      return joined(
        (fast - slow) * 0.01 + 1, (slow - fast - faster) * 0.01, faster * 0.01)
    },
  ]

  /// H = 1 / (1 - c / 2 integral of mu H / (mu + nu)), nearly singular at c = 1.
  private static let chandrasekhar: PublishedProblem = {
    let (n, c) = (20, 0.9999)
    let rule = gaussLegendre(n)
    let kernel = matrix(n, n) { i, j in
      c / 2 * rule.weights[j] * rule.nodes[i] / (rule.nodes[i] + rule.nodes[j])
    }
    return .fixedPoint(
      "Chandrasekhar's H, c = .9999",
      "Chandrasekhar 1960, Radiative Transfer; Toth and Kelley "
        + "2015, SIAM J. Numer. Anal. 53, 805-819", from: Array(repeating: 1, count: n)
    ) { 1 / (1 - $0.times(kernel)) }
  }()

  /// -u'' = lambda e^u as u = G (lambda e^u), with the inverse G of the second difference.
  ///
  /// Beyond lambda = 3.5138 there is no solution; at 3.5 the iteration contracts by .9.
  private static func bratu(_ lambda: Double) -> PublishedProblem {
    let n = 20
    let h = 1 / Double(n + 1)
    let green = matrix(n, n) { i, j in
      let (s, t) = (Double(min(i, j) + 1) * h, Double(max(i, j) + 1) * h)
      return h * s * (1 - t)
    }
    return .fixedPoint(
      "Bratu, lambda = \(lambda)", "Bratu 1914, Bull. Soc. Math. France 42, 113-142",
      from: Array(repeating: 0, count: n)
    ) { ($0.exp() * lambda).times(green) }
  }

  /// Jacobi's iteration for -u'' = 1.
  private static let jacobi: PublishedProblem = {
    let n = 15
    let h = 1 / Double(n + 1)
    let neighbours = matrix(n, n) { abs($0 - $1) == 1 ? 0.5 : 0 }
    let solution = (1...n).map { Double($0) * h * (1 - Double($0) * h) / 2 }
    return .fixedPoint(
      "Jacobi's iteration", "Jacobi 1845, Astronomische Nachrichten 22, 297-306",
      from: Array(repeating: 0, count: n), solutions: [solution]
    ) { $0.times(neighbours) + h * h / 2 }
  }()
}
