import Collectives
import Tensors

/// Rows [batch, 17] of which the ranks have 1, 4 and 12 columns: what depends on a rank's own number
/// of unknowns is another thing on each.
enum UnevenStrips {
  static let columns = 17
  static let ranks = 3

  /// This rank's columns; all of them, where there is one rank.
  static func part(_ whole: Tensor, _ ranks: Communicator) -> Tensor {
    let columns = ranks.size == 1 ? 0..<17 : [0..<1, 1..<5, 5..<17][ranks.rank]
    return whole.slice(columns, alongAxis: 1)
  }

  /// The numbers of the first sample, of all ranks.
  static func numbers(_ part: Tensor, _ ranks: Communicator) -> [Double] {
    ranks.gather(part.detached().slice(0..<1).scalars).flatMap { $0 }
  }

  /// The columns before and after each column of a part; 0 at the ends.
  static func neighbours(
    of part: Tensor, _ ranks: Communicator
  ) throws -> (before: Tensor, after: Tensor) {
    let count = part.shape[1]
    let wide = try ranks.addingHalos(to: part)
    return (wide.slice(0..<count, alongAxis: 1), wide.slice(2..<count + 2, alongAxis: 1))
  }

  static func uniform(_ shape: Shape, seed: UInt64) -> Tensor {
    var draws = Philox(seed: seed)
    return .uniform(shape, dtype: .float64, using: &draws) - 0.5
  }
}
