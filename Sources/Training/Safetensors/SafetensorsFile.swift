import FileReading
import Foundation
import Tensors

/// Named tensors in a file of the safetensors format.
///
/// ```swift
/// let file = try SafetensorsFile(contentsOf: url)
/// let weight = try file.tensor("encoder.weight")
/// ```
/// The layout is a little-endian length, a JSON header of that length, and the data, which the
/// tensors fill without gaps or overlaps.
public struct SafetensorsFile: Sendable {
  /// The scalar types that can be read; all but F16 and BF16 can be written.
  ///
  /// The format has other types (complex numbers, and floating-point numbers of 8 bits and fewer);
  /// they are refused with their name.
  public enum ScalarType: String, Sendable {
    /// IEEE double precision.
    case f64 = "F64"
    /// IEEE single precision.
    case f32 = "F32"
    /// IEEE half precision.
    case f16 = "F16"
    /// The upper half of single precision.
    case bf16 = "BF16"
    /// 64-bit integers.
    case i64 = "I64"
    /// 32-bit integers.
    case i32 = "I32"
    /// 16-bit integers.
    case i16 = "I16"
    /// 8-bit integers.
    case i8 = "I8"
    /// 64-bit integers that are not negative.
    case u64 = "U64"
    /// 32-bit integers that are not negative.
    case u32 = "U32"
    /// 16-bit integers that are not negative.
    case u16 = "U16"
    /// Bytes.
    case u8 = "U8"
    /// Bytes that are 0 or 1.
    case bool = "BOOL"

    var byteCount: Int {
      switch self {
      case .f64, .i64, .u64: 8
      case .f32, .i32, .u32: 4
      case .f16, .bf16, .i16, .u16: 2
      case .i8, .u8, .bool: 1
      }
    }

    /// The other types of the format.
    fileprivate static let unsupported: Set = [
      "F8_E4M3", "F8_E5M2", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4", "C64",
    ]
  }

  /// A tensor of the file.
  public struct Entry: Sendable {
    /// Its name.
    public let name: String
    /// Its scalar type.
    public let type: ScalarType
    /// Its shape.
    public let shape: [Int]
    /// Its elements, little-endian.
    public let data: Data
  }

  /// The tensors in the order of the file's data.
  public let entries: [Entry]
  /// Strings that belong to the file.
  public let metadata: SafetensorsMetadata
  /// The name of the file in errors.
  let path: String
  private let positions: [ExactString: Int]

  /// The largest header that is read, in bytes.
  static let headerLimit = 100_000_000

  /// Reads a file.
  ///
  /// - Throws: `SafetensorsError` naming the file and what is wrong with it.
  public init(contentsOf url: URL) throws {
    let path = url.path
    let data: Data
    do {
      data = try RegularFile(path).contents()
    } catch {
      throw SafetensorsError(
        path: path, reason: error.reason, remedy: "check the path and its permissions")
    }
    try self.init(data, path: path)
  }

  /// Reads bytes; errors call them `path`.
  init(_ data: Data, path: String) throws {
    func refused(_ reason: String) -> SafetensorsError {
      SafetensorsError(
        path: path, reason: reason,
        remedy: "the file is damaged or of another format: copy it again, or save it with a "
          + "safetensors library")
    }
    guard data.count >= 8 else {
      throw refused("it has \(data.count) bytes, fewer than the 8 of the header's length")
    }
    let length = data.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
    }
    try SafetensorsFile.refusePyTorch(data, path: path)
    guard length <= SafetensorsFile.headerLimit else {
      throw refused("its header claims \(length) bytes, over the limit of 100,000,000")
    }
    let start = 8 + Int(length)
    guard start <= data.count else {
      throw refused("its header claims \(length) bytes, but the file has only \(data.count)")
    }
    let header: SafetensorsHeader
    do {
      header = try data.withUnsafeBytes { raw in
        try SafetensorsHeader(
          UnsafeBufferPointer(rebasing: raw.bindMemory(to: UInt8.self)[8..<start]))
      }
    } catch let error as SafetensorsHeader.Malformed {
      throw refused(error.reason)
    }

    var entries: [Entry] = []
    var end = 0
    let sorted = header.entries.sorted {
      ($0.entry.begin, $0.entry.end) < ($1.entry.begin, $1.entry.end)
    }
    for (name, entry) in sorted {
      guard let type = ScalarType(rawValue: entry.dtype) else {
        guard ScalarType.unsupported.contains(entry.dtype) else {
          throw refused("'\(name)' has the unknown dtype '\(entry.dtype)'")
        }
        throw SafetensorsError(
          path: path, reason: "'\(name)' has the dtype \(entry.dtype), which is not supported",
          remedy: "save it with another dtype, for example F32")
      }
      var size = type.byteCount
      for extent in entry.shape {
        guard extent <= Int(Int32.max) else {
          throw refused("'\(name)' has an axis of extent \(extent), over the limit of \(Int32.max)")
        }
        let (product, overflow) = size.multipliedReportingOverflow(by: extent)
        guard !overflow else { throw refused("the shape \(entry.shape) of '\(name)' overflows") }
        size = product
      }
      guard entry.end >= entry.begin else {
        throw refused(
          "the data of '\(name)' begins at \(entry.begin), after its end at \(entry.end)")
      }
      guard entry.begin == end else {
        throw refused(
          "the data of '\(name)' begins at \(entry.begin), but the tensors before it end at \(end)")
      }
      guard entry.end - entry.begin == size else {
        throw refused(
          "'\(name)' has \(entry.end - entry.begin) bytes of data, but shape \(entry.shape) of "
            + "\(entry.dtype) needs \(size)")
      }
      guard entry.end <= data.count - start else {
        throw refused(
          "the data of '\(name)' ends at \(entry.end), but the file has only "
            + "\(data.count - start) bytes of data: it is truncated")
      }
      end = entry.end
      let base = data.startIndex + start
      entries.append(
        Entry(
          name: name, type: type, shape: entry.shape,
          data: data[base + entry.begin..<base + entry.end]))
    }
    guard end == data.count - start else {
      throw refused("\(data.count - start - end) bytes follow the last tensor")
    }
    self.init(entries: entries, metadata: header.metadata, path: path)
  }

  private init(entries: [Entry], metadata: SafetensorsMetadata, path: String) {
    self.entries = entries
    self.metadata = metadata
    self.path = path
    positions = Dictionary(
      uniqueKeysWithValues: entries.enumerated().map { (ExactString($1.name), $0) })
  }

  /// - Throws: `SafetensorsError` for a file of torch.save, which is a zip archive or a pickle.
  private static func refusePyTorch(_ data: Data, path: String) throws {
    // A header as long as these bytes would claim must begin with a brace.
    let isPyTorch = [[0x50, 0x4b, 3, 4], [0x80, 2], [0x80, 4]].contains { data.starts(with: $0) }
    guard isPyTorch, data.count < 9 || data[data.startIndex + 8] != UInt8(ascii: "{") else {
      return
    }
    throw SafetensorsError(
      path: path, reason: "it is a file of PyTorch (torch.save), not of safetensors",
      remedy: "convert it once as Docs/HowTo/ImportPublishedWeights.md shows")
  }

  /// A file to be written.
  ///
  /// Stops when a name occurs twice, or is `__metadata__`, which the format uses itself.
  public init(_ entries: [Entry], metadata: SafetensorsMetadata = [:]) {
    let names = Set(entries.map { ExactString($0.name) })
    expect(names.count == entries.count, "two tensors of a file have the same name")
    expect(
      !names.contains(ExactString("__metadata__")),
      "a tensor cannot be called '__metadata__': the format keeps its metadata under this name")
    self.init(entries: entries, metadata: metadata, path: "(unsaved)")
  }

  /// A file to be written, from tensors; float32 becomes F32, float64 becomes F64.
  ///
  /// Stops when a name occurs twice, or is `__metadata__`, which the format uses itself.
  public init(_ tensors: [(name: String, tensor: Tensor)], metadata: SafetensorsMetadata = [:]) {
    self.init(tensors.map { Entry($0.name, $0.tensor) }, metadata: metadata)
  }

  /// The entry of a tensor; nil if there is none of that name.
  public subscript(name: String) -> Entry? {
    positions[ExactString(name)].map { entries[$0] }
  }

  /// A tensor by name: F64 as float64, everything else converted to float32.
  ///
  /// - Throws: `SafetensorsError` when there is no tensor of that name.
  public func tensor(_ name: String) throws -> Tensor {
    guard let entry = self[name] else {
      throw SafetensorsError(
        path: path, reason: "it has no tensor '\(name)'",
        remedy: "check that the file was made for this model")
    }
    return entry.tensor
  }
}

/// A safetensors file that cannot be read or written.
public struct SafetensorsError: Error, CustomStringConvertible {
  /// The file.
  public let path: String
  /// What is wrong.
  public let reason: String
  /// What to do.
  public let remedy: String

  /// File, reason and remedy in a sentence.
  public var description: String { "\(path): \(reason); \(remedy)" }
}
