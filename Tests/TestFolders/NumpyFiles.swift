import Foundation

/// An array as NumPy saves it in a .npy file.
public struct SavedArray {
  /// Its name in an archive.
  public let name: String
  /// The description of the array, and the numbers as float64.
  public let bytes: Data

  /// An array of some numbers, row by row.
  public init(_ name: String, shape: [Int], _ numbers: [Double]) {
    self.init(name, shape: shape, numbers.withUnsafeBytes { Data($0) })
  }

  /// An array of zeros.
  public init(zeros name: String, shape: [Int]) {
    self.init(name, shape: shape, Data(count: 8 * shape.reduce(1, *)))
  }

  private init(_ name: String, shape: [Int], _ numbers: Data) {
    self.name = name
    let extents = shape.map { "\($0), " }.joined()
    let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (\(extents)), }"
    let header = text.padding(toLength: 117, withPad: " ", startingAt: 0) + "\n"
    bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8)) + numbers
  }

  /// The bytes in the deflate format: literals, and runs of up to 258 bytes that repeat the one before.
  fileprivate var deflated: Data {
    var (result, word, count) = (Data(), 0, 0)
    func put(_ bits: Int, _ length: Int) {
      word |= bits << count
      count += length
      while count >= 8 {
        result.append(UInt8(word & 0xff))
        (word, count) = (word >> 8, count - 8)
      }
    }
    /// A code, of which the highest bit comes first.
    func code(_ value: Int, _ length: Int) {
      for place in (0..<length).reversed() { put(value >> place & 1, 1) }
    }
    put(1, 1)
    put(1, 2)
    bytes.withUnsafeBytes { bytes in
      var position = 0
      while position < bytes.count {
        let byte = Int(bytes[position])
        var repeated = 0
        while position > 0, repeated < 258, position + repeated < bytes.count,
          bytes[position + repeated] == bytes[position - 1]
        {
          repeated += 1
        }
        if repeated == 258 {
          code(0b1100_0101, 8)
          code(0, 5)
          position += 258
          continue
        }
        if byte < 144 { code(0x30 + byte, 8) } else { code(0x190 + byte - 144, 9) }
        position += 1
      }
    }
    code(0, 7)
    put(0, 7)
    return result
  }
}

/// A .npz file, as numpy.savez or, deflated, numpy.savez_compressed writes it.
///
/// Where arrays are deflated, four times `emptyBlocks` blocks without a byte come before each.
public func npz(_ arrays: [SavedArray], deflated: Bool = false, emptyBlocks: Int = 0) -> Data {
  var (files, directory) = (Data(), Data())
  func number(_ value: Int, _ bytes: Int) -> Data {
    Data((0..<bytes).map { place -> UInt8 in UInt8(truncatingIfNeeded: value >> (8 * place)) })
  }
  for array in arrays {
    let name = Data("\(array.name).npy".utf8)
    // Ten bits a block: not the last one, of the fixed code, at its end.
    let empty = (0..<4).reduce(0) { $0 | 2 << (10 * $1) }
    let packed =
      deflated
      ? Data((0..<emptyBlocks).flatMap { _ in number(empty, 5) }) + array.deflated : array.bytes
    // Versions, method, time, check, sizes, length of the name.
    var facts = number(20, 2) + number(0, 2) + number(deflated ? 8 : 0, 2) + number(0, 4)
    facts += number(Int(crc32(array.bytes)), 4) + number(packed.count, 4)
    facts += number(array.bytes.count, 4) + number(name.count, 2) + number(0, 2)
    directory += number(0x0201_4b50, 4) + number(20, 2) + facts + number(0, 10)
    directory += number(files.count, 4) + name
    files += number(0x0403_4b50, 4) + facts + name + packed
  }
  return files + directory + number(0x0605_4b50, 4) + number(0, 4) + number(arrays.count, 2)
    + number(arrays.count, 2) + number(directory.count, 4) + number(files.count, 4) + number(0, 2)
}

/// The check value of zip archives.
private func crc32(_ bytes: Data) -> UInt32 {
  var table: [UInt32] = []
  for byte in 0..<UInt32(256) {
    var entry = byte
    for _ in 0..<8 { entry = entry & 1 == 1 ? 0xedb8_8320 ^ (entry >> 1) : entry >> 1 }
    table.append(entry)
  }
  var check = ~UInt32(0)
  for byte in bytes { check = table[Int(UInt8(truncatingIfNeeded: check) ^ byte)] ^ (check >> 8) }
  return ~check
}
