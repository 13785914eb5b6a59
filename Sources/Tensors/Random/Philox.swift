/// A counter-based random generator: Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011).
///
/// ```swift
/// var generator = Philox(seed: 7).substream(UInt64(step))
/// let noise = Tensor.normal([batch, slots, width], using: &generator)
/// ```
/// A generator is always an argument: there is no hidden global state. Each draw takes the next
/// draw number. Element e of sample s of draw d is a function of (key, d, firstSample + s, e) only,
/// so the numbers of a sample depend neither on threads nor on how a batch is split over workers.
public struct Philox: Sendable, RandomNumberGenerator {
  /// The identity of the generator, computed from the seed and the substreams.
  public let key: UInt64
  /// The position, in the whole batch, of the first sample of the tensors that are drawn.
  public let firstSample: Int
  private var draw: UInt32 = 0

  /// The generator with a seed.
  public init(seed: UInt64) { self.init(key: seed, firstSample: 0) }

  private init(key: UInt64, firstSample: Int) {
    self.key = key
    self.firstSample = firstSample
  }

  /// An independent generator that is determined by this one's key and `index`.
  public func substream(_ index: UInt64) -> Philox {
    let words = Philox.block(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), 0x5eed, .max),
      key: key)
    return Philox(key: UInt64(words.x) | UInt64(words.y) << 32, firstSample: firstSample)
  }

  /// The same generator for the part of the batch that begins at sample `index`.
  public func startingAtSample(_ index: Int) -> Philox {
    var copy = Philox(key: key, firstSample: index)
    copy.draw = draw
    return copy
  }

  /// Returns the draw number, and advances to the next.
  mutating func nextDraw() -> UInt32 {
    defer { draw &+= 1 }
    return draw
  }

  /// The next 64 random bits; uses one draw.
  public mutating func next() -> UInt64 {
    let sample = UInt64(firstSample)
    let words = Philox.block(
      counter: SIMD4(
        .max, UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: sample >> 32),
        nextDraw()), key: key)
    return UInt64(words.x) | UInt64(words.y) << 32
  }

  /// A number drawn evenly from `range`; uses one draw.
  public mutating func uniform(in range: ClosedRange<Double>) -> Double {
    let unit = Double(next() >> 11) * 0x1p-53
    return range.lowerBound + (range.upperBound - range.lowerBound) * unit
  }

  /// The four output words of ten rounds on one counter.
  static func block(counter: SIMD4<UInt32>, key: UInt64) -> SIMD4<UInt32> {
    var c = counter
    var k0 = UInt32(truncatingIfNeeded: key)
    var k1 = UInt32(truncatingIfNeeded: key >> 32)
    for _ in 0..<10 {
      let p = UInt64(0xd251_1f53) * UInt64(c.x)
      let q = UInt64(0xcd9e_8d57) * UInt64(c.z)
      c = SIMD4(
        UInt32(truncatingIfNeeded: q >> 32) ^ c.y ^ k0, UInt32(truncatingIfNeeded: q),
        UInt32(truncatingIfNeeded: p >> 32) ^ c.w ^ k1, UInt32(truncatingIfNeeded: p))
      k0 &+= 0x9e37_79b9
      k1 &+= 0xbb67_ae85
    }
    return c
  }
}
