import Foundation

/// The bytes of a safetensors file with the given header and as many bytes of data.
func safetensors(_ header: String, dataCount: Int, length: UInt64? = nil) -> Data {
  safetensors(Data(header.utf8), dataCount: dataCount, length: length)
}

/// As for text, with a header of any bytes.
func safetensors(_ header: Data, dataCount: Int, length: UInt64? = nil) -> Data {
  var result = Data()
  withUnsafeBytes(of: (length ?? UInt64(header.count)).littleEndian) {
    result.append(contentsOf: $0)
  }
  result.append(header)
  result.append(contentsOf: (0..<dataCount).map { UInt8(truncatingIfNeeded: $0) })
  return result
}
