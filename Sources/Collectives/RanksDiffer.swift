import Tensors

/// Something that must be the same on all ranks is not.
public struct RanksDiffer: Error, CustomStringConvertible, Equatable {
  /// The ranks that have something else than most, or than rank 0 where there is no majority.
  public let ranks: [Int]
  /// What differs, such as "the parameters after step 300".
  public let what: String
  /// What to try.
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
  ///   - text: each rank's own.
  ///   - what: what it is, for the message.
  ///   - remedy: what to try where it differs.
  /// - Throws: `RanksDiffer`, on all ranks.
  public func expectEqual(_ text: String, what: String, remedy: String) throws {
    guard size > 1 else { return }
    let ranks = Communicator.minority(gather(text))
    guard ranks.isEmpty else { throw RanksDiffer(ranks: ranks, what: what, remedy: remedy) }
  }

  /// The positions of what differs from the most frequent value; of equally frequent ones the first
  /// counts.
  static func minority<Value: Hashable>(_ values: [Value]) -> [Int] {
    var counts: [Value: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    let most = counts.values.max() ?? 0
    let usual = values.first { counts[$0] == most }
    return values.indices.filter { values[$0] != usual }
  }
}

/// A check value of numbers in memory, eight bytes at a time.
///
/// What differs in any bit has another one, but for one chance in 2^64. It costs one pass over the
/// numbers.
struct Checksum: Hashable {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func append(_ word: UInt64) {
    // FNV-1a on words; the shift brings high bits down, which a product never does.
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
