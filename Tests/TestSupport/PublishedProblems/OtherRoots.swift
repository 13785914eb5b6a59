import Foundation
import Tensors

extension PublishedProblem {
  /// Systems from other sources, most of them in Burkardt's collection `test_nonlin`.
  static let otherRoots: [PublishedProblem] = [
    matrixRoot(2), matrixRoot(3),
    .root(
      "Dennis and Schnabel",
      "Dennis and Schnabel 1983, Numerical Methods for Unconstrained "
        + "Optimization and Nonlinear Equations, example 5.1.1", from: [1, 5],
      solutions: [[0, 3], [3, 0]]
    ) { z in
      joined(z.rowSum - 3, z.square().rowSum - 9)
    },
    .root(
      "two products of exponentials", "Burkardt, test_nonlin, 18", from: [2, 2]
    ) { z in
      let (x, y) = (z.at(0), z.at(1))
      return joined(
        y.square() * (1 - (-x.square()).exp()) / x, x * (1 - (-y.square()).exp()) / y)
    },
    .root(
      "cubic with a singular root", "Burkardt, test_nonlin, 19", from: [3, 3],
      solutions: [[0, 0]]
    ) { z in
      z * z.square().rowSum
    },
    .root(
      "x (x - 5)^2", "Burkardt, test_nonlin, 20", from: [1], solutions: [[0], [5]]
    ) { z in
      z * (z - 5).square()
    },
    .root(
      "Freudenstein and Roth", "Freudenstein and Roth 1963, J. ACM 10, 550-556", from: [0.5, -2],
      solutions: [[5, 4]]
    ) { z in
      let (x, y) = (z.at(0), z.at(1))
      return joined(
        x - 13 + ((5 - y) * y - 2) * y, x - 29 + ((y + 1) * y - 14) * y)
    },
    .root(
      "Boggs", "Boggs 1971, SIAM J. Numer. Anal. 8, 767-785", from: [1, 0],
      solutions: [[0, 1], [-0.5.squareRoot(), 1.5], [-1, 2]]
    ) { z in
      joined(z.at(0).square() - z.at(1) + 1, z.at(0) - (z.at(1) * (.pi / 2)).cos())
    },
    chandrasekhar,
    nashGame,
    .root(
      "fifth root of unity, scaled", "Newton's method for z^5 = 1 far from its roots; Cayley 1879",
      from: [3], solutions: [[1]], scale: 100
    ) { z in
      z.square().square() * z - 1
    },
    .root(
      "third root of unity", "Newton's method for z^3 = 1 far from its roots; Cayley 1879",
      from: [20], solutions: [[1]]
    ) { z in
      z.square() * z - 1
    },
    .root(
      "Himmelblau", "Himmelblau 1972, Applied Nonlinear Programming", from: [1, 1],
      solutions: [[3, 2]]
    ) { z in
      joined(z.at(0).square() + z.at(1) - 11, z.at(0) + z.at(1).square() - 7)
    },
  ]

  /// The square root of a bidiagonal matrix with 1e-4 on the diagonal and a single 1 beside it.
  private static func matrixRoot(_ n: Int) -> PublishedProblem {
    let square = matrix(n, n) { $0 == $1 ? 1e-4 : $0 == 0 && $1 == 1 ? 1 : 0 }
    let identity = (0..<n * n).map { $0 % (n + 1) == 0 ? 1.0 : 0 }
    var root = identity.map { $0 / 100 }
    root[1] = 50
    return .root(
      "Hammarling \(n) x \(n)",
      "Hammarling, in Gill, Murray and Wright's tests; Burkardt, "
        + "test_nonlin, \(n + 13)", from: identity, solutions: [root]
    ) { z in
      let x = z.reshaped([1, n, n])
      return (x.matmul(x) - square).reshaped([1, n * n])
    }
  }

  /// H = 1 + c / 2 integral of mu H(mu) H(nu) / (mu + nu), by the midpoint rule, c = .9.
  private static let chandrasekhar: PublishedProblem = {
    let n = 10
    let node = { (i: Int) in (Double(i) + 0.5) / Double(n) }
    let kernel = matrix(n, n) { i, j in 0.9 / 2 / Double(n) * node(i) / (node(i) + node(j)) }
    return .root(
      "Chandrasekhar's H, c = .9",
      "Kelley 1995, Iterative Methods for Linear and Nonlinear "
        + "Equations, section 5.6", from: Array(repeating: 1, count: n)
    ) { z in
      z - 1 / (1 - z.times(kernel))
    }
  }()

  /// Cournot and Nash's equilibrium of nine firms with convex costs and isoelastic demand.
  ///
  /// Firm i gains p(Q) q_i - C_i(q_i) with p(Q) = (5000 / Q)^(1/g), g = 1.1, and marginal cost
  /// c_i + (q_i / 5)^(1/b_i); the equations are the first-order conditions.
  private static let nashGame: PublishedProblem = {
    let n = 9
    let cost = rowVector((0..<n).map { 10 - Double($0) })
    let inverseExponent = rowVector((0..<n).map { 1 / (1.2 - 0.05 * Double($0)) })
    let inverseElasticity = 1 / 1.1
    return .root(
      "Nash game of nine firms",
      "Murphy, Sherali and Soyster 1982, Mathematical Programming 24, "
        + "92-106, with more firms", from: Array(repeating: 10, count: n)
    ) { z in
      let total = z.rowSum
      let price = ((5000 / total).log() * inverseElasticity).exp()
      let marginal = cost + ((z / 5).log() * inverseExponent).exp()
      return marginal - price * (1 - z / total * inverseElasticity)
    }
  }()
}
