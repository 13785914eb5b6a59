import Foundation
import Tensors

/// A .npy file: a description of an array as a Python literal, followed by its numbers.
struct NumpyArray {
  /// The numbers row by row, whatever their order in the file.
  let tensor: Tensor

  /// Reads the array of a file; nil unless it holds little-endian float32 or float64.
  init?(_ bytes: Data) {
    let start = bytes.startIndex
    guard bytes.count >= 12, bytes.starts(with: [0x93] + "NUMPY".utf8) else { return nil }
    let wide = bytes[start + 6] >= 2
    let field = bytes[start + 8..<start + (wide ? 12 : 10)]
    let length = field.reversed().reduce(0) { $0 << 8 | Int($1) }
    let first = (wide ? 12 : 10) + length
    guard first <= bytes.count else { return nil }
    let header = String(decoding: bytes[start + (wide ? 12 : 10)..<start + first], as: UTF8.self)
    let isDouble = header.contains("'<f8'")
    guard isDouble || header.contains("'<f4'"), let extents = NumpyArray.extents(header) else {
      return nil
    }
    var elements = 1
    for extent in extents {
      let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= bytes.count else { return nil }
      elements = product
    }
    let width = isDouble ? 8 : 4
    guard elements * width == bytes.count - first else { return nil }
    let numbers = bytes.withUnsafeBytes { raw in
      (0..<elements).map { index in
        isDouble
          ? raw.loadUnaligned(fromByteOffset: first + 8 * index, as: Double.self)
          : Double(raw.loadUnaligned(fromByteOffset: first + 4 * index, as: Float.self))
      }
    }
    // An array in Fortran's order is stored like its transpose.
    let byColumns = header.contains("'fortran_order': True") && extents.count == 2
    let stored = Tensor(
      numbers, shape: Shape(byColumns ? extents.reversed() : extents),
      dtype: isDouble ? .float64 : .float32)
    tensor = byColumns ? stored.transposed() : stored
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
