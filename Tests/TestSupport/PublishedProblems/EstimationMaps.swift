import Foundation
import Tensors

extension PublishedProblem {
  /// Slow but sure iterations of statistics and linear algebra: what acceleration was made for.
  static let estimationMaps: [PublishedProblem] = [
    poissonMixture, normalMixture, studentLocation, weiszfeld, powerMethod,
    .fixedPoint(
      "projections onto a circle and a line",
      "von Neumann 1933; Lewis, Luke and Malick 2009, "
        + "Found. Comput. Math. 9, 485-513", from: [2, 0],
      solutions: [[(1 - 0.99 * 0.99).squareRoot(), 0.99]]
    ) { z in
      let x = z.at(0) / z.square().rowSum.sqrt()
      return joined(x, x * 0 + 0.99)
    },
    pageRank,
  ]

  /// EM for two Poisson distributions: deaths of women of 80 years and more per day.
  private static let poissonMixture: PublishedProblem = {
    let frequencies: [Double] = [162, 267, 271, 185, 111, 61, 27, 8, 3, 1]
    let total = frequencies.reduce(0, +)
    let weights = rowVector(frequencies)
    let counts = rowVector(frequencies.indices.map(Double.init))
    return .fixedPoint(
      "EM for two Poisson distributions",
      "Hasselblad 1969, J. Amer. Statist. Assoc. 64, "
        + "1459-1471; Varadhan and Roland 2008, Scand. J. Statist. 35, 335-353",
      from: [0.3, 1, 2.5], solutions: [[0.3598855, 1.256095, 2.663404]]
    ) { z in
      let (share, first, second) = (z.at(0), z.at(1), z.at(2))
      let left = share * (counts * first.log() - first).exp()
      let right = (1 - share) * (counts * second.log() - second).exp()
      let ours = weights * left / (left + right)
      let theirs = weights - ours
      return joined(
        ours.rowSum / total, (ours * counts).rowSum / ours.rowSum,
        (theirs * counts).rowSum / theirs.rowSum)
    }
  }()

  /// EM for the means and the share of two normal distributions of unit variance that overlap.
  private static let normalMixture: PublishedProblem = {
    // Quantiles of .4 N(-1, 1) + .6 N(1, 1), roughly: a symmetric grid with two humps.
    let points = rowVector(
      (0..<30).map { i in
        let u = (Double(i) + 0.5) / 30
        let spread = log(u / (1 - u)) / 1.7
        return spread * 1.2 + (i < 12 ? -0.5 : 0.5)
      })
    return .fixedPoint(
      "EM for two normal distributions",
      "Walker and Ni 2011, SIAM J. Numer. Anal. 49, 1715-1735, "
        + "section 5; Redner and Walker 1984, SIAM Review 26", from: [0.4, -1, 1.5]
    ) { z in
      let (share, first, second) = (z.at(0), z.at(1), z.at(2))
      let left = share * ((points - first).square() * -0.5).exp()
      let right = (1 - share) * ((points - second).square() * -0.5).exp()
      let ours = left / (left + right)
      let theirs = 1 - ours
      return joined(
        ours.rowSum / 30, (ours * points).rowSum / ours.rowSum,
        (theirs * points).rowSum / theirs.rowSum)
    }
  }()

  /// EM for location and squared scale of Student's t with one degree of freedom.
  private static let studentLocation: PublishedProblem = {
    let numbers: [Double] = [-8, -3, -1.2, -0.7, -0.2, 0.1, 0.3, 0.9, 1.4, 2.5, 6, 20]
    let points = rowVector(numbers)
    return .fixedPoint(
      "EM for Student's t",
      "Kent, Tyler and Vardi 1994, Comm. Statist. Simulation Comput. 23, "
        + "441-453", from: [3, 10]
    ) { z in
      let (location, square) = (z.at(0), z.at(1))
      let distances = (points - location).square()
      let weights = 2 / (distances / square + 1)
      return joined(
        (weights * points).rowSum / weights.rowSum,
        (weights * distances).rowSum / Double(numbers.count))
    }
  }()

  /// The point of least summed distance from four others.
  private static let weiszfeld: PublishedProblem = {
    let points = matrix([[0, 0], [4, 0.3], [1, 3], [3.2, 2.6]])
    return .fixedPoint(
      "Weiszfeld's median of four points", "Weiszfeld 1937, Tohoku Math. J. 43, 355-386",
      from: [3, 2]
    ) { z in
      let weights = 1 / (points - z).square().sum(alongAxis: 1, keepingAxis: true).sqrt()
      return (weights * points).sum(alongAxis: 0, keepingAxis: true) / weights.sum()
    }
  }()

  /// A z / |A z| with eigenvalues 1, .95, .5, .3 and .1.
  private static let powerMethod: PublishedProblem = {
    let n = 5
    // A Householder reflection of a diagonal matrix.
    let axis = (0..<n).map { Double($0 + 1) / 55.0.squareRoot() }
    let values = [1, 0.95, 0.5, 0.3, 0.1]
    let q = { (i: Int, j: Int) in (i == j ? 1.0 : 0) - 2 * axis[i] * axis[j] }
    let a = matrix(n, n) { i, j in (0..<n).reduce(0) { $0 + q(i, $1) * values[$1] * q($1, j) } }
    return .fixedPoint(
      "power method", "Varadhan and Roland 2008, Scand. J. Statist. 35, 335-353",
      from: Array(repeating: 0.5, count: n)
    ) { z in
      let image = z.times(a)
      return image / image.square().rowSum.sqrt()
    }
  }()

  /// Ten pages in a ring with two chords, damping .99.
  private static let pageRank: PublishedProblem = {
    let n = 10
    var links = (0..<n).map { [($0 + 1) % n] }
    links[0].append(5)
    links[7].append(2)
    let transition = matrix(n, n) { to, from in
      links[from].contains(to) ? 0.99 / Double(links[from].count) : 0
    }
    return .fixedPoint(
      "PageRank, damping .99", "Page, Brin, Motwani and Winograd 1998, Stanford",
      from: [1] + Array(repeating: 0, count: n - 1)
    ) { $0.times(transition) + 0.01 / Double(n) }
  }()
}
