import Tensors

/// The error that something is different on some ranks, although it must be the same on all.
public struct RanksDiffer: Error, CustomStringConvertible, Equatable {
  /// The ranks that differ from the majority, or from rank 0 if there is no majority.
  public let ranks: [Int]
  /// What differs, such as "the parameters after step 300".
  public let what: String
  /// What the user can try.
  public let remedy: String

  /// Which ranks differ in what.
  public var description: String {
    let names = ranks.map { "\($0)" }.joined(separator: ", ")
    return "\(ranks.count == 1 ? "rank" : "ranks") \(names): \(what) "
      + "\(ranks.count == 1 ? "differs" : "differ") from the other ranks'; \(remedy)"
  }
}

extension Communicator {
  /// Checks that a text is the same on all ranks.
  ///
  /// - Parameters:
  ///   - text: the text of this rank.
  ///   - what: the name of the text, for the message.
  ///   - remedy: what the user can try if the texts differ.
  /// - Throws: `RanksDiffer`, on all ranks.
  public func expectEqual(_ text: String, what: String, remedy: String) throws {
    guard size > 1 else { return }
    let ranks = Communicator.minority(gather(text))
    guard ranks.isEmpty else { throw RanksDiffer(ranks: ranks, what: what, remedy: remedy) }
  }

  /// The positions of the values that differ from the most frequent one; of equally frequent
  /// values, the first is taken.
  static func minority<Value: Hashable>(_ values: [Value]) -> [Int] {
    var counts: [Value: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    let most = counts.values.max() ?? 0
    let usual = values.first { counts[$0] == most }
    return values.indices.filter { values[$0] != usual }
  }
}

/// A check value of numbers in memory, which are read eight bytes at a time.
///
/// Numbers that differ in any bit have the same check value only with a chance of one in 2^64. The
/// check costs one pass over the numbers.
struct Checksum: Hashable {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func append(_ word: UInt64) {
    // This is FNV-1a on words. The shift brings high bits down, which a product alone never does.
    value = (value ^ word) &* 0x0000_0100_0000_01b3
    value ^= value >> 29
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    append(UInt64(bytes.count))
    var position = 0
    while position + 8 <= bytes.count {
      append(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      position += 8
    }
    while position < bytes.count {
      append(UInt64(bytes[position]))
      position += 1
    }
  }
}
