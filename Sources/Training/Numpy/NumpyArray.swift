import Foundation
import Tensors

/// What a .npy file says of its array: a Python literal, which the numbers follow.
struct NumpyArray {
  /// The extents, in the order of the file's literal.
  let shape: Shape
  /// The type of the numbers.
  let dtype: DType
  /// The number of bytes before the first number.
  private let first: Int
  /// Whether the numbers lie column by column, in Fortran's order, instead of row by row.
  private let isByColumns: Bool

  /// The most bytes of a file that are looked at for the literal.
  static let headerLimit = 4096

  /// Reads the description of an array; nil unless it is one of little-endian float32 or float64.
  ///
  /// - Parameters:
  ///   - bytes: the first bytes of the file, as many as `headerLimit` if it has them.
  ///   - size: the number of bytes of the file.
  init?(start bytes: [UInt8], size: Int) {
    guard bytes.count >= 12, bytes.starts(with: [0x93] + "NUMPY".utf8) else { return nil }
    let wide = bytes[6] >= 2
    let length = bytes[8..<(wide ? 12 : 10)].reversed().reduce(0) { $0 << 8 | Int($1) }
    first = (wide ? 12 : 10) + length
    guard first <= bytes.count else { return nil }
    let header = String(decoding: bytes[(wide ? 12 : 10)..<first], as: UTF8.self)
    let isDouble = header.contains("'<f8'")
    guard isDouble || header.contains("'<f4'"), let extents = NumpyArray.extents(header) else {
      return nil
    }
    dtype = isDouble ? .float64 : .float32
    var elements = 1
    for extent in extents {
      let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= size else { return nil }
      elements = product
    }
    guard elements * dtype.byteCount == size - first else { return nil }
    shape = Shape(extents)
    isByColumns = header.contains("'fortran_order': True") && extents.count == 2
  }

  /// Writes the numbers of a piece of the file where they belong, row by row.
  ///
  /// - Parameters:
  ///   - piece: bytes of the file, which may begin and end within a number.
  ///   - start: the place of its first byte in the file.
  ///   - elements: the bytes of the whole array.
  func place(
    _ piece: UnsafeRawBufferPointer, from start: Int, in elements: UnsafeMutableRawBufferPointer
  ) {
    let numbers = UnsafeRawBufferPointer(rebasing: piece.dropFirst(max(0, first - start)))
    let target = max(0, start - first)
    guard !numbers.isEmpty else { return }
    guard isByColumns else {
      UnsafeMutableRawBufferPointer(rebasing: elements[target...]).copyMemory(from: numbers)
      return
    }
    let (rows, columns, width) = (shape[0], shape[1], dtype.byteCount)
    for (offset, byte) in numbers.enumerated() {
      let (element, rest) = (target + offset).quotientAndRemainder(dividingBy: width)
      let (column, row) = element.quotientAndRemainder(dividingBy: rows)
      elements[(row * columns + column) * width + rest] = byte
    }
  }

  /// The numbers of "'shape': (2048, 2048)"; nil for more than two.
  private static func extents(_ header: String) -> [Int]? {
    guard let key = header.firstRange(of: "'shape': ("),
      let end = header[key.upperBound...].firstIndex(of: ")")
    else { return nil }
    let words = header[key.upperBound..<end].split(separator: ",")
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    let extents = words.compactMap { Int($0) }.filter { (0...Int(Int32.max)).contains($0) }
    return extents.count == words.count && extents.count <= 2 ? extents : nil
  }
}
