import Foundation
import Tensors

private let collection = "Moré, Garbow and Hillstrom 1981, ACM Trans. Math. Software 7, 17-41, "
/// The number of unknowns of the problems that exist for any.
private let n = 10

extension PublishedProblem {
  /// Systems of ten equations of the collection of Moré, Garbow and Hillstrom.
  static let largerRoots: [PublishedProblem] = [
    brown(n),
    boundaryValue,
    integralEquation,
    .root(
      "trigonometric", collection + "26", from: Array(repeating: 1 / Double(n), count: n)
    ) { z in
      let cosines = z.cos()
      let index = rowVector((1...n).map(Double.init))
      return index * (1 - cosines) - z.sin() - cosines.rowSum + Double(n)
    },
    .root(
      "variably dimensioned", collection + "25, the gradient",
      from: (1...n).map { 1 - Double($0) / Double(n) },
      solutions: [Array(repeating: 1, count: n)]
    ) { z in
      let index = rowVector((1...n).map(Double.init))
      let sum = (index * (z - 1)).rowSum
      return z - 1 + index * (sum * (sum.square() * 2 + 1))
    },
    .root(
      "Broyden, tridiagonal", collection + "30", from: Array(repeating: -1, count: n)
    ) { [neighbours = matrix(n, n) { $1 == $0 - 1 ? 1 : $1 == $0 + 1 ? 2 : 0 }] z in
      (3 - z * 2) * z - z.times(neighbours) + 1
    },
    .root(
      "Broyden, banded", collection + "31", from: Array(repeating: -1, count: n)
    ) { [band = matrix(n, n) { $0 != $1 && $1 >= $0 - 5 && $1 <= $0 + 1 ? 1 : 0 }] z in
      z * (z.square() * 5 + 2) + 1 - (z * (z + 1)).times(band)
    },
  ]

  /// All unknowns and their sum, and the product of all.
  static func brown(_ n: Int) -> PublishedProblem {
    .root(
      n == 10 ? "Brown, almost linear" : "Brown, almost linear, \(n)", collection + "27",
      from: Array(repeating: 0.5, count: n), solutions: [Array(repeating: 1, count: n)]
    ) { z in
      let product = (1..<n).reduce(z.at(0)) { $0 * z.at($1) }
      let linear = z + z.rowSum - Double(n + 1)
      return joined(linear.slice(0..<n - 1, alongAxis: 1), product - 1)
    }
  }

  /// t_i = i h, h = 1 / (n + 1).
  private static let grid = (1...n).map { Double($0) / Double(n + 1) }

  /// -u'' + (u + t + 1)^3 / 2 = 0 by differences, u = 0 at both ends.
  private static let boundaryValue: PublishedProblem = {
    let (t, h) = (rowVector(grid), 1 / Double(n + 1))
    let second = matrix(n, n) { $0 == $1 ? 2 : abs($0 - $1) == 1 ? -1 : 0 }
    return .root(
      "discrete boundary value", collection + "28", from: grid.map { $0 * ($0 - 1) }
    ) { z in
      let w = z + t + 1
      return z.times(second) + w.square() * w * (h * h / 2)
    }
  }()

  /// The integral equation of the same boundary value problem.
  private static let integralEquation: PublishedProblem = {
    let (t, h) = (rowVector(grid), 1 / Double(n + 1))
    let kernel = matrix(n, n) { i, j in
      let (s, t) = (grid[j], grid[i])
      return h / 2 * (j <= i ? (1 - t) * s : t * (1 - s))
    }
    return .root(
      "discrete integral equation", collection + "29", from: grid.map { $0 * ($0 - 1) }
    ) { z in
      let w = z + t + 1
      return z + (w.square() * w).times(kernel)
    }
  }()
}
