import Tensors

/// A problem of the literature, by which solvers are compared: an equation in n unknowns with the
/// starting point of its source.
///
/// ```swift
/// for problem in PublishedProblem.all { problem.attempt(with: .broyden()).line }
/// ```
/// A root-finding problem g(z) = 0 is posed as the fixed point z = z - c g(z), so that its residual
/// is c |g(z)|. Maps are written in tensor operators on one sample [1, n] of float64.
public struct PublishedProblem: Sendable, CustomStringConvertible {
  /// What the source asks for.
  public enum Kind: Sendable {
    /// A root of g.
    case root
    /// A fixed point of f.
    case fixedPoint
  }

  /// Where a problem comes from: a paper, a book or a collection.
  public struct Source: Sendable {
    /// Authors, year, and number there.
    public let text: String

    /// A source.
    public init(_ text: String) { self.text = text }
  }

  /// What tests call it.
  public let name: String
  /// Where it comes from.
  public let source: Source
  /// Whether a root or a fixed point is asked for.
  public let kind: Kind
  /// The first iterate, n numbers.
  public let initial: [Double]
  /// Solutions that are known, n numbers each; empty where only the residual tells.
  public let solutions: [[Double]]
  /// z -> f(z), [1, n] to [1, n].
  public let map: @Sendable (Tensor) -> Tensor
  /// z -> F(z) = z - f(z), [1, n] to [1, n], for a root without the rounding of that difference.
  public let equations: @Sendable (Tensor) -> Tensor

  /// The number of unknowns.
  public var dimension: Int { initial.count }
  /// The name.
  public var description: String { name }

  /// z -> f(z) as its source has it.
  static func fixedPoint(
    _ name: String, _ source: String, from initial: [Double], solutions: [[Double]] = [],
    _ map: @escaping @Sendable (Tensor) -> Tensor
  ) -> PublishedProblem {
    PublishedProblem(
      name: name, source: Source(source), kind: .fixedPoint, initial: initial,
      solutions: solutions, map: map, equations: { z in z - map(z) })
  }

  /// g(z) = 0 as z -> z - scale g(z).
  static func root(
    _ name: String, _ source: String, from initial: [Double], solutions: [[Double]] = [],
    scale: Double = 1, _ g: @escaping @Sendable (Tensor) -> Tensor
  ) -> PublishedProblem {
    PublishedProblem(
      name: name, source: Source(source), kind: .root, initial: initial, solutions: solutions,
      map: { z in z - g(z) * scale }, equations: { z in g(z) * scale })
  }

  /// Further sizes of collected problems, as in the test of MINPACK's `hybrd`: for tables of root
  /// finding, beside `all`.
  public static let otherSizes: [PublishedProblem] = [
    watson(9), chebyquad(6), chebyquad(9), brown(30), brown(40),
  ]

  /// The root-finding problems, 28, and the fixed points, 40.
  public static let all: [PublishedProblem] =
    collectedRoots + largerRoots + otherRoots + scalarFixedPoints + mapsOfLearning
    + estimationMaps + economicMaps + discretizedMaps
}

/// [1, n] of the given numbers.
func rowVector(_ numbers: [Double]) -> Tensor {
  Tensor(numbers, shape: [1, numbers.count], dtype: .float64)
}

/// [rows, columns] of the given rows.
func matrix(_ rows: [[Double]]) -> Tensor {
  Tensor(rows.flatMap { $0 }, shape: [rows.count, rows[0].count], dtype: .float64)
}

/// [rows, columns] with the entries of a formula; indices begin with 0.
func matrix(_ rows: Int, _ columns: Int, _ entry: (Int, Int) -> Double) -> Tensor {
  matrix((0..<rows).map { i in (0..<columns).map { j in entry(i, j) } })
}

/// [1, m] of tensors [1, m_i] one after another.
func joined(_ parts: Tensor...) -> Tensor { Tensor.concatenated(parts, alongAxis: 1) }

extension Tensor {
  /// The unknown at a position, [1, 1].
  func at(_ index: Int) -> Tensor { slice(index..<index + 1, alongAxis: 1) }

  /// A x for each row x.
  func times(_ a: Tensor) -> Tensor { matmul(a, transposingOther: true) }

  /// The sum of each row, [1, 1].
  var rowSum: Tensor { sum(alongAxis: 1, keepingAxis: true) }
}
