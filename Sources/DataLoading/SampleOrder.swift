import Tensors

/// The order of the examples in each epoch: a permutation drawn from seed and epoch alone.
///
/// ```swift
/// SampleOrder(count: 5, seed: 3).indices(ofEpoch: 0)
/// ```
public struct SampleOrder: Sendable, Equatable {
  /// The number of examples.
  public let count: Int
  /// The seed from which orders are drawn; nil for the order of the data set.
  public let seed: UInt64?

  /// The orders of `count` examples.
  public init(count: Int, seed: UInt64?) {
    expect(count >= 0, "a data set cannot have \(count) examples")
    self.count = count
    self.seed = seed
  }

  /// The positions in the data set in the order of an epoch (Fisher and Yates); epochs are counted
  /// from 0.
  public func indices(ofEpoch epoch: Int) -> [Int] {
    expect(epoch >= 0, "there is no epoch \(epoch): epochs are counted from 0")
    var order = Array(0..<count)
    guard let seed, count > 1 else { return order }
    var generator = Philox(seed: seed).substream(UInt64(epoch))
    for last in stride(from: count - 1, to: 0, by: -1) {
      let other = Int(generator.next().multipliedFullWidth(by: UInt64(last + 1)).high)
      order.swapAt(last, other)
    }
    return order
  }
}
