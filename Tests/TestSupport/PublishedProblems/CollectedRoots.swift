import Foundation
import Tensors

private let collection = "Moré, Garbow and Hillstrom 1981, ACM Trans. Math. Software 7, 17-41, "

extension PublishedProblem {
  /// Systems of two to seven equations of the collection of Moré, Garbow and Hillstrom.
  static let collectedRoots: [PublishedProblem] = [
    .root(
      "Rosenbrock", collection + "1", from: [-1.2, 1], solutions: [[1, 1]]
    ) { z in
      joined((z.at(1) - z.at(0).square()) * 10, 1 - z.at(0))
    },
    .root(
      "Powell, singular", collection + "13", from: [3, -1, 0, 1], solutions: [[0, 0, 0, 0]]
    ) { z in
      let (a, b, c, d) = (z.at(0), z.at(1), z.at(2), z.at(3))
      return joined(
        a + b * 10, (c - d) * 5.0.squareRoot(), (b - c * 2).square(),
        (a - d).square() * 10.0.squareRoot())
    },
    .root(
      "Powell, badly scaled", collection + "3", from: [0, 1],
      solutions: [[1.0981593296997149e-5, 9.106146739867317]]
    ) { z in
      joined(z.at(0) * z.at(1) * 1e4 - 1, (-z.at(0)).exp() + (-z.at(1)).exp() - 1.0001)
    },
    .root(
      "Wood", collection + "14, the gradient", from: [-3, -1, -3, -1], solutions: [[1, 1, 1, 1]]
    ) { z in
      let (a, b, c, d) = (z.at(0), z.at(1), z.at(2), z.at(3))
      let (p, q) = (b - a.square(), d - c.square())
      return joined(
        a * p * -200 - (1 - a), p * 200 + (b - 1) * 20.2 + (d - 1) * 19.8,
        c * q * -180 - (1 - c), q * 180 + (d - 1) * 20.2 + (b - 1) * 19.8)
    },
    .root(
      "helical valley", collection + "7", from: [-1, 0, 0], solutions: [[1, 0, 0]]
    ) { z in
      let (x, y) = (z.at(0), z.at(1))
      let radius = (x.square() + y.square()).sqrt()
      // The angle over 2 pi in (-1/4, 3/4): the angle from the second axis is 2 atan(-x / (r + y)).
      let turns = (arctangent(-x / (radius + y)) * 2 + .pi / 2) / (2 * .pi)
      return joined((z.at(2) - turns * 10) * 10, (radius - 1) * 10, z.at(2))
    },
    watson(6),
    chebyquad(5),
    chebyquad(7),
  ]

  /// The gradient of Watson's sum of squares, divided by 2.
  static func watson(_ n: Int) -> PublishedProblem {
    let powers = matrix(29, n) { i, j in pow(Double(i + 1) / 29, Double(j)) }
    let derivatives = matrix(29, n) { i, j in
      j == 0 ? 0 : Double(j) * pow(Double(i + 1) / 29, Double(j - 1))
    }
    let rest = [Double](repeating: 0, count: n - 2)
    let name = n == 6 ? "Watson" : "Watson \(n)"
    return .root(
      name, collection + "20, the gradient", from: Array(repeating: 0, count: n)
    ) { z in
      let sums = z.times(powers)
      let residuals = z.times(derivatives) - sums.square() - 1
      let last = z.at(1) - z.at(0).square() - 1
      let gradient =
        residuals.matmul(derivatives) - (residuals * sums * 2).matmul(powers)
      return gradient
        + joined(z.at(0) * (1 - last * 2), last, rowVector(rest))
    }
  }

  /// The means of the shifted Chebyshev polynomials at n points less their integrals.
  static func chebyquad(_ n: Int) -> PublishedProblem {
    let integrals: [Double] = (1...n).map { k -> Double in
      k % 2 == 0 ? -1 / Double(k * k - 1) : 0
    }
    let initial: [Double] = (1...n).map { Double($0) / Double(n + 1) }
    return .root(
      "Chebyquad \(n)", collection + "35", from: initial
    ) { z -> Tensor in
      let y = z * 2 - 1
      var (before, present) = (y.zerosLike() + 1, y)
      var means: [Tensor] = []
      for _ in 0..<n {
        means.append(present.rowSum / Double(n))
        (before, present) = (present, y * present * 2 - before)
      }
      return Tensor.concatenated(means, alongAxis: 1) - rowVector(integrals)
    }
  }
}

/// atan t for numbers [1, 1], by Gauss and Legendre's rule for the integral of t / (1 + t^2 s^2)
/// over (0, 1) after t is brought into (-1, 1): atan t = 2 atan(t / (1 + sqrt(1 + t^2))).
func arctangent(_ t: Tensor) -> Tensor {
  let (nodes, weights) = unitGaussRule
  let half = t / ((t.square() + 1).sqrt() + 1)
  let values = half / ((half * nodes).square() + 1)
  return (values * weights).rowSum * 2
}

private let unitGaussRule: (nodes: Tensor, weights: Tensor) = {
  let rule = gaussLegendre(24)
  return (rowVector(rule.nodes), rowVector(rule.weights))
}()

/// The nodes and weights of Gauss and Legendre's rule on (0, 1), by Newton's method on P_m.
func gaussLegendre(_ m: Int) -> (nodes: [Double], weights: [Double]) {
  var (nodes, weights): ([Double], [Double]) = ([], [])
  for index in 0..<m {
    var x = cos(.pi * (Double(index) + 0.75) / (Double(m) + 0.5))
    var slope = 0.0
    for _ in 0..<50 {
      var (before, present) = (1.0, x)
      for k in 2...m {
        let degree = Double(k)
        (before, present) = (
          present, ((2 * degree - 1) * x * present - (degree - 1) * before) / degree
        )
      }
      slope = Double(m) * (x * present - before) / (x * x - 1)
      x -= present / slope
    }
    nodes.append((1 - x) / 2)
    weights.append(1 / ((1 - x * x) * slope * slope))
  }
  return (nodes, weights)
}
