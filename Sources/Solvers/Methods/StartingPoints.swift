import Tensors

/// The points from which a method may take its first step: the first and the best of each row.
struct StartingPoints: PerSample {
  /// Which of the two points a method starts from.
  enum Choice { case best, first }

  private var first: KnownPoint
  private var firstNorms: [Double]
  private var best: KnownPoint
  private(set) var bestNorms: [Double]
  init(_ point: Iterate) {
    first = KnownPoint(point)
    (best, firstNorms, bestNorms) = (first, point.norms, point.norms)
  }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&first)
    visitor.visit(&best)
    visitor.visit(&firstNorms)
    visitor.visit(&bestNorms)
  }

  /// Where a method should begin with a row.
  ///
  /// At the best point if that is worth something: one whose residual is hardly smaller than the first
  /// may be where another method got stuck, in a valley that leads nowhere.
  func choice(for row: Int) -> Choice {
    bestNorms[row] > 0.1 * firstNorms[row] ? .first : .best
  }

  subscript(choice: Choice) -> KnownPoint { choice == .best ? best : first }

  /// Takes note of a point.
  mutating func update(_ point: Iterate) {
    let isBetter = zip(point.norms, bestNorms).map { $0 < $1 || (!$1.isFinite && $0.isFinite) }
    best = best.replacing(isBetter, with: KnownPoint(point))
    for (row, norm) in point.norms.enumerated() where isBetter[row] { bestNorms[row] = norm }
  }
}
