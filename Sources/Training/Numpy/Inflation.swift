import Foundation

/// Decompression of the deflate format (RFC 1951), piece by piece.
///
/// A stream refers to at most 32 KiB before each place, so it never needs more of its output.
struct Inflation {
  /// The error that a stream is not a deflate stream, or holds another number of bytes.
  struct Malformed: Error {}

  private let bytes: Data
  private var position: Int
  private var bits: UInt32 = 0
  private var bitCount = 0
  /// The last bytes of the output; those before `passedOn` of it were handed over before.
  private var window = [UInt8](repeating: 0, count: 2 * reach)
  private var filled = 0
  private var passedOn = 0
  /// The number of bytes that were produced.
  private var produced = 0
  private let size: Int
  private let handOver: (UnsafeRawBufferPointer) throws -> Void

  /// How far back a stream refers.
  private static let reach = 1 << 15

  /// Hands over the `size` bytes that a stream holds when decompressed, in pieces of at most 64 KiB.
  ///
  /// - Throws: `Malformed`, before more than `size` bytes have been handed over; what `handOver` throws.
  static func inflate(
    _ stream: Data, size: Int, to handOver: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try withoutActuallyEscaping(handOver) { handOver in
      var inflation = Inflation(stream, size: size, handOver)
      try inflation.run()
    }
  }

  private init(
    _ stream: Data, size: Int, _ handOver: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) {
    bytes = stream
    position = stream.startIndex
    self.size = size
    self.handOver = handOver
  }

  private mutating func passOn() throws {
    try window.withUnsafeBytes {
      try handOver(UnsafeRawBufferPointer(rebasing: $0[passedOn..<filled]))
    }
    passedOn = filled
  }

  private mutating func append(_ byte: UInt8) throws {
    guard produced < size else { throw Malformed() }
    if filled == window.count {
      try passOn()
      window.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        base.copyMemory(from: base + Inflation.reach, byteCount: Inflation.reach)
      }
      (filled, passedOn) = (Inflation.reach, Inflation.reach)
    }
    window[filled] = byte
    filled += 1
    produced += 1
  }

  private mutating func run() throws {
    var isLast = false
    while !isLast {
      isLast = try take(1) == 1
      switch try take(2) {
      case 0: try copyStored()
      case 1: try decode(Inflation.fixedLiterals, Inflation.fixedDistances)
      case 2:
        let (literals, distances) = try readCodes()
        try decode(literals, distances)
      default: throw Malformed()
      }
    }
    guard produced == size else { throw Malformed() }
    try passOn()
  }

  /// The next bits of the stream; the first bit is the lowest one.
  private mutating func take(_ count: Int) throws -> Int {
    while bitCount < count {
      guard position < bytes.endIndex else { throw Malformed() }
      bits |= UInt32(bytes[position]) << UInt32(bitCount)
      position += 1
      bitCount += 8
    }
    defer {
      bits >>= UInt32(count)
      bitCount -= count
    }
    return Int(bits & (1 << UInt32(count) - 1))
  }

  private mutating func copyStored() throws {
    (bits, bitCount) = (0, 0)
    let length = try take(16)
    guard try take(16) == ~length & 0xffff, length <= bytes.endIndex - position else {
      throw Malformed()
    }
    for _ in 0..<length {
      try append(bytes[position])
      position += 1
    }
  }

  /// A prefix code, given by the number of words of each length and by their symbols in order.
  private struct Code {
    private(set) var counts = [Int](repeating: 0, count: 16)
    private(set) var symbols: [Int] = []

    /// The code in which symbol i has a word of `lengths[i]` bits; 0 means that the symbol does not
    /// occur.
    init(_ lengths: [Int]) throws {
      self.init(valid: lengths)
      var free = 1
      for length in 1..<16 {
        free = 2 * free - counts[length]
        guard free >= 0 else { throw Malformed() }
      }
    }

    /// As `init(_:)`, for lengths that are known to leave room for all words.
    init(valid lengths: [Int]) {
      for length in lengths where length > 0 { counts[length] += 1 }
      for length in 1..<16 where counts[length] > 0 {
        symbols += lengths.indices.filter { lengths[$0] == length }
      }
    }
  }

  private mutating func symbol(_ code: Code) throws -> Int {
    var (word, first, index) = (0, 0, 0)
    for length in 1..<16 {
      word |= try take(1)
      let count = code.counts[length]
      if word - first < count { return code.symbols[index + word - first] }
      index += count
      first = (first + count) << 1
      word <<= 1
    }
    throw Malformed()
  }

  private mutating func decode(_ literals: Code, _ distances: Code) throws {
    while true {
      let symbol = try symbol(literals)
      if symbol == 256 { return }
      if symbol < 256 {
        try append(UInt8(symbol))
        continue
      }
      guard symbol < 286 else { throw Malformed() }
      let length = try Inflation.lengths[symbol - 257] + take(Inflation.lengthBits[symbol - 257])
      let code = try self.symbol(distances)
      guard code < 30 else { throw Malformed() }
      let distance = try Inflation.distances[code] + take(Inflation.distanceBits[code])
      guard distance <= produced else { throw Malformed() }
      for _ in 0..<length { try append(window[filled - distance]) }
    }
  }

  /// The codes that are stored before the data of a block.
  private mutating func readCodes() throws -> (literals: Code, distances: Code) {
    let (literals, distances, given) = (try take(5) + 257, try take(5) + 1, try take(4) + 4)
    var lengths = [Int](repeating: 0, count: 19)
    for place in Inflation.order.prefix(given) { lengths[place] = try take(3) }
    let code = try Code(lengths)
    var all: [Int] = []
    while all.count < literals + distances {
      switch try symbol(code) {
      case 16:
        guard let last = all.last else { throw Malformed() }
        all += Array(repeating: last, count: try take(2) + 3)
      case 17: all += Array(repeating: 0, count: try take(3) + 3)
      case 18: all += Array(repeating: 0, count: try take(7) + 11)
      case let length: all.append(length)
      }
    }
    guard all.count == literals + distances else { throw Malformed() }
    return (try Code(Array(all[..<literals])), try Code(Array(all[literals...])))
  }

  private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
  private static let lengthBits =
    Array(repeating: 0, count: 8) + (1...5).flatMap { Array(repeating: $0, count: 4) } + [0]
  private static let lengths =
    lengthBits.dropLast().reduce(into: [3]) { starts, bits in
      starts.append(starts[starts.count - 1] + 1 << bits)
    }.dropLast() + [258]
  private static let distanceBits =
    [0, 0] + (0...13).flatMap { [$0, $0] }
  private static let distances = distanceBits.dropLast().reduce(into: [1]) { starts, bits in
    starts.append(starts[starts.count - 1] + 1 << bits)
  }
  private static let fixedLiterals = Code(
    valid: Array(repeating: 8, count: 144) + Array(repeating: 9, count: 112)
      + Array(repeating: 7, count: 24) + Array(repeating: 8, count: 8))
  private static let fixedDistances = Code(valid: Array(repeating: 5, count: 30))
}
