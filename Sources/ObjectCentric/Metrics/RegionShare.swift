import Foundation
import Tensors

/// Whether slots divide pictures by places or by what is there.
///
/// ```swift
/// RegionShare(ofAttention: attention).value    // 1 where each slot is a region, 0 where none is
/// ```
/// A slot may stand for an object, wherever it is, or for a region of every picture, whatever lies
/// there. Of what attention says about a token's slot, this is the part that the token's place alone
/// says: I(slot; place) / I(slot; place and picture), with I the mutual information. It needs no
/// masks, unlike scores of segmentations, and tells apart models whose losses are alike.
///
/// Slots have to be the same from picture to picture, as they are when they start from trained
/// vectors; where starts are drawn, the number is small in any case. It takes some dozens of
/// pictures: n of them raise I(slot; place) by about (slots - 1) / 2n nats.
public struct RegionShare: Sendable, Equatable {
  /// The sum over pictures of each slot's share of each token, [slots, tokens], row by row.
  private var shares: [Double]
  /// The sum over pictures and tokens of the entropies of the shares, in nats.
  private var entropies: Double
  private var pictures: Int
  private let slots: Int

  /// What attention to some pictures says.
  ///
  /// - Parameter attention: the weight of each slot for each token, [pictures, slots, tokens], not
  ///   negative; those of a token need not sum to 1, but not to 0 either.
  public init(ofAttention attention: Tensor) {
    expect(
      attention.rank == 3 && attention.count > 0,
      "attention has the shape [pictures, slots, tokens], not \(attention.shape)")
    let weights = attention.detached().converted(to: .float64)
    let all = weights / weights.sum(alongAxis: 1, keepingAxis: true)
    shares = all.sum(alongAxis: 0).scalars
    entropies = entropy(all.scalars)
    (pictures, slots) = (attention.shape[0], attention.shape[1])
  }

  /// From `numbers`.
  package init(numbers: [Double], slots: Int) {
    (shares, entropies) = (Array(numbers.dropLast(2)), numbers[numbers.count - 2])
    (pictures, self.slots) = (Int(numbers[numbers.count - 1]), slots)
  }

  /// All but the number of slots, as numbers.
  package var numbers: [Double] { shares + [entropies, Double(pictures)] }

  /// Adds other pictures with the same slots and tokens.
  public mutating func add(_ other: RegionShare) {
    expect(
      slots == other.slots && shares.count == other.shares.count,
      "pictures with \(slots) slots and \(shares.count / slots) tokens cannot be taken together with "
        + "pictures with \(other.slots) slots and \(other.shares.count / other.slots) tokens")
    shares = zip(shares, other.shares).map(+)
    entropies += other.entropies
    pictures += other.pictures
  }

  /// The part of the information that places have, from 0 to 1; nil if attention has none: each token
  /// of each picture is shared out in the same way.
  public var value: Double? {
    let tokens = shares.count / slots
    let places = shares.map { $0 / Double(pictures) }
    let slotShares = (0..<slots).map { slot in
      places[slot * tokens..<(slot + 1) * tokens].reduce(0, +) / Double(tokens)
    }
    let all = entropy(slotShares) - entropies / Double(pictures * tokens)
    // Rounding leaves this much of nothing.
    guard all > 1e-9 else { return nil }
    return min(1, max(0, (entropy(slotShares) - entropy(places) / Double(tokens)) / all))
  }
}

/// -sum p log p.
private func entropy(_ shares: [Double]) -> Double {
  -shares.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
}
