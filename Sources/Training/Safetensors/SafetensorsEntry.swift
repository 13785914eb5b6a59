import Foundation
import Tensors

extension SafetensorsFile.Entry {
  /// An entry with a tensor's elements: float32 becomes F32, float64 becomes F64.
  public init(_ name: String, _ tensor: Tensor) {
    let isSingle = tensor.dtype == .float32
    self.init(
      name: name, type: isSingle ? .f32 : .f64, shape: tensor.shape.array,
      data: isSingle
        ? tensor.floats.withUnsafeBytes { Data($0) } : tensor.scalars.withUnsafeBytes { Data($0) })
  }

  /// An entry with whole numbers, each of which is stored exactly.
  ///
  /// ```swift
  /// let steps = SafetensorsFile.Entry("steps", integers: [1 << 40], shape: [])
  /// ```
  /// Stops when a number does not fit the type, when their count does not fit the shape, or when
  /// the type is a floating-point type.
  ///
  /// - Parameters:
  ///   - name: the name of the tensor in the file.
  ///   - integers: the elements, row-major.
  ///   - shape: the shape; `[]` for a single number.
  ///   - type: the type in the file, which is a type of integers or BOOL (0 and 1); default I64.
  public init(
    _ name: String, integers: [Int], shape: [Int], as type: SafetensorsFile.ScalarType = .i64
  ) {
    expect(
      integers.count == shape.reduce(1, *),
      "'\(name)': \(integers.count) numbers do not fill the shape \(shape)")
    guard let range = type.wholeNumbers else {
      callerMistake(
        "'\(name)': \(type.rawValue) holds no whole numbers; use I64 or another type of them")
    }
    var data = Data(capacity: integers.count * type.byteCount)
    for number in integers {
      expect(
        range.contains(number),
        "'\(name)': \(number) is outside of \(type.rawValue), which holds \(range)")
      withUnsafeBytes(of: number.littleEndian) {
        data.append(contentsOf: $0.prefix(type.byteCount))
      }
    }
    self.init(name: name, type: type, shape: shape, data: data)
  }

  /// The exact elements of an integer type or of BOOL; nil for floating-point types, and if a
  /// number of U64 is larger than `Int.max`.
  public var integers: [Int]? {
    switch type {
    case .i64: numbers { (x: Int64) in Int(x) }
    case .i32: numbers { (x: Int32) in Int(x) }
    case .i16: numbers { (x: Int16) in Int(x) }
    case .i8: numbers { (x: Int8) in Int(x) }
    case .u64: allPresent(numbers { (x: UInt64) in Int(exactly: x) })
    case .u32: numbers { (x: UInt32) in Int(x) }
    case .u16: numbers { (x: UInt16) in Int(x) }
    case .u8, .bool: numbers { (x: UInt8) in Int(x) }
    case .f64, .f32, .f16, .bf16: nil
    }
  }

  /// The elements as a tensor: F64 as float64, everything else as float32.
  ///
  /// Float32 holds whole numbers up to 2^24 exactly; `integers` holds all of them.
  public var tensor: Tensor {
    let shape = Shape(self.shape)
    switch type {
    case .f64: return Tensor(numbers { (x: Double) in x }, shape: shape, dtype: .float64)
    case .f32: return Tensor(numbers { (x: Float) in x }, shape: shape)
    case .f16: return Tensor(numbers { (x: UInt16) in halfToFloat(x) }, shape: shape)
    case .bf16:
      return Tensor(numbers { (x: UInt16) in Float(bitPattern: UInt32(x) << 16) }, shape: shape)
    case .i64: return Tensor(numbers { (x: Int64) in Float(x) }, shape: shape)
    case .i32: return Tensor(numbers { (x: Int32) in Float(x) }, shape: shape)
    case .i16: return Tensor(numbers { (x: Int16) in Float(x) }, shape: shape)
    case .i8: return Tensor(numbers { (x: Int8) in Float(x) }, shape: shape)
    case .u64: return Tensor(numbers { (x: UInt64) in Float(x) }, shape: shape)
    case .u32: return Tensor(numbers { (x: UInt32) in Float(x) }, shape: shape)
    case .u16: return Tensor(numbers { (x: UInt16) in Float(x) }, shape: shape)
    case .u8, .bool: return Tensor(numbers { (x: UInt8) in Float(x) }, shape: shape)
    }
  }

  private func numbers<T, U>(_ convert: (T) -> U) -> [U] {
    data.withUnsafeBytes { raw in
      (0..<raw.count / MemoryLayout<T>.size).map {
        convert(raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
      }
    }
  }
}

extension SafetensorsFile.ScalarType {
  /// The range of whole numbers that the type holds; nil for floating-point types.
  fileprivate var wholeNumbers: ClosedRange<Int>? {
    switch self {
    case .i64: Int.min...Int.max
    case .i32: Int(Int32.min)...Int(Int32.max)
    case .i16: Int(Int16.min)...Int(Int16.max)
    case .i8: -128...127
    case .u64: 0...Int.max
    case .u32: 0...Int(UInt32.max)
    case .u16: 0...Int(UInt16.max)
    case .u8: 0...255
    case .bool: 0...1
    case .f64, .f32, .f16, .bf16: nil
    }
  }
}

/// The elements if none is nil.
private func allPresent(_ elements: [Int?]) -> [Int]? {
  let present = elements.compactMap { $0 }
  return present.count == elements.count ? present : nil
}

/// Converts IEEE half precision to single, without the hardware type that some platforms lack.
private func halfToFloat(_ half: UInt16) -> Float {
  let sign: Float = half & 0x8000 == 0 ? 1 : -1
  let exponent = Int(half >> 10 & 0x1f)
  let fraction = Float(half & 0x3ff)
  switch exponent {
  case 0: return sign * fraction * 0x1p-24
  case 31: return fraction == 0 ? sign * .infinity : .nan
  default:
    return sign * (1 + fraction * 0x1p-10)
      * Float(sign: .plus, exponent: exponent - 15, significand: 1)
  }
}
