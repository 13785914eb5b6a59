import Foundation

/// Writes a safetensors file of bytes that are all zero, which take no room on the disk.
public func writeSparseSafetensors(_ tensors: [(name: String, shape: [Int])], to url: URL) throws {
  var (fields, end) = ([String](), 0)
  for (name, shape) in tensors {
    let start = end
    end += shape.reduce(1, *)
    fields.append(
      "\"\(name)\":{\"dtype\":\"U8\",\"shape\":\(shape),\"data_offsets\":[\(start),\(end)]}")
  }
  let header = Data("{\(fields.joined(separator: ","))}".utf8)
  try (withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header).write(to: url)
  let file = try FileHandle(forWritingTo: url)
  try file.truncate(atOffset: UInt64(8 + header.count + end))
  try file.close()
}
