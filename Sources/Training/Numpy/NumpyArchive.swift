import FileReading
import Foundation
import Tensors

/// Arrays of numbers in a .npz file of NumPy: a zip archive of .npy files.
///
/// Arrays of float32 and float64 are read, with axes in either order, stored or deflated. Archives
/// cannot be written. Compressed ones are decompressed into the tensors themselves, piece by piece.
package struct NumpyArchive: Sendable {
  /// A file that cannot be read.
  package struct Failure: Error, CustomStringConvertible {
    /// The file.
    package let path: String
    /// What is wrong.
    package let reason: String
    /// File, reason and remedy in a sentence.
    package var description: String {
      "\(path): \(reason); save the arrays again with numpy.savez, as float64"
    }
  }

  /// The largest number of bytes of an array.
  ///
  /// Without a limit, a few bytes of a file could claim any amount of memory.
  package static let arrayLimit = 40 << 20

  /// The most bytes of a name that is kept: more than the names of NumPy's arrays have.
  private static let nameLimit = 256

  private struct Member {
    let method: Int
    let check: UInt32
    let packed: Int
    let size: Int
    let offset: Int
  }

  private let data: Data
  private let path: String
  private var members: [String: Member] = [:]

  /// Reads the table of contents.
  ///
  /// - Throws: `Failure` naming the file and what is wrong with it.
  package init(contentsOf url: URL) throws {
    path = url.path
    do {
      data = try RegularFile(url.path).contents()
    } catch {
      throw Failure(path: url.path, reason: error.reason)
    }
    // The end of the archive says where its directory is, and is followed by a comment of up to
    // 65535 bytes.
    let earliest = max(0, data.count - 22 - 65535)
    guard data.count >= 22,
      let end = stride(from: data.count - 22, through: earliest, by: -1).first(where: {
        number($0, 4) == 0x0605_4b50
      }), let count = number(end + 10, 2), var place = number(end + 16, 4)
    else { throw failure("it is no zip archive, or its end is missing") }
    for _ in 0..<count {
      guard number(place, 4) == 0x0201_4b50, let method = number(place + 10, 2),
        let check = number(place + 16, 4), let packed = number(place + 20, 4),
        let size = number(place + 24, 4), let nameLength = number(place + 28, 2),
        let extra = number(place + 30, 2), let comment = number(place + 32, 2),
        let offset = number(place + 42, 4), let name = slice(place + 46, nameLength)
      else { throw failure("its directory is damaged") }
      if nameLength <= NumpyArchive.nameLimit {
        members[String(decoding: name, as: UTF8.self)] = Member(
          method: method, check: UInt32(check), packed: packed, size: size, offset: offset)
      }
      place += 46 + nameLength + extra + comment
    }
  }

  /// The shape of an array, of which only the beginning is read.
  ///
  /// - Throws: `Failure` as `tensor` does.
  package func shape(_ name: String) throws -> Shape { try description(of: name).shape }

  /// An array by name, with its dtype.
  ///
  /// - Throws: `Failure` when there is no array of that name, or it is damaged.
  package func tensor(_ name: String) throws -> Tensor {
    let (array, member) = (try description(of: name), try member(name))
    var check: UInt32 = 0
    let tensor = try Tensor(shape: array.shape, dtype: array.dtype) { elements in
      var position = 0
      try forEachPiece(of: member, name) { piece in
        check = CRCTables.zip.check(piece, check)
        array.place(piece, from: position, in: elements)
        position += piece.count
      }
    }
    guard check == member.check else {
      throw failure("the array '\(name)' is damaged: its checksum differs")
    }
    return tensor
  }

  private func member(_ name: String) throws -> Member {
    guard let member = members[name + ".npy"] else {
      let others = members.keys.sorted()
      throw failure(
        "it has no array '\(name)' (it has \(others.prefix(8))"
          + (others.count > 8 ? " and \(others.count - 8) more)" : ")"))
    }
    guard member.size <= NumpyArchive.arrayLimit else {
      throw failure("the array '\(name)' claims \(member.size) bytes, over the limit")
    }
    // Otherwise a file could hold any number of blocks without a byte, and take as long.
    guard member.packed <= 2 * member.size + 4096 else {
      throw failure("the array '\(name)' has \(member.packed) bytes for \(member.size)")
    }
    return member
  }

  /// What the beginning of an array says of it; the size of the array fits it.
  private func description(of name: String) throws -> NumpyArray {
    struct Known: Error {}
    let member = try member(name)
    var start: [UInt8] = []
    do {
      try forEachPiece(of: member, name) { piece in
        start += piece.prefix(NumpyArray.headerLimit - start.count)
        if start.count == NumpyArray.headerLimit { throw Known() }
      }
    } catch is Known {}
    guard let array = NumpyArray(start: start, size: member.size) else {
      throw failure("'\(name)' is no array of float32 or float64 numbers")
    }
    return array
  }

  /// Calls `body` with the bytes of an array, in order.
  private func forEachPiece(
    of member: Member, _ name: String, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard number(member.offset, 4) == 0x0403_4b50, let nameLength = number(member.offset + 26, 2),
      let extra = number(member.offset + 28, 2),
      let packed = slice(member.offset + 30 + nameLength + extra, member.packed)
    else { throw failure("the array '\(name)' is not where the directory says") }
    switch member.method {
    case 0 where packed.count == member.size: try packed.withUnsafeBytes(body)
    case 8:
      do {
        try Inflation.inflate(packed, size: member.size, to: body)
      } catch is Inflation.Malformed {
        throw failure("the compressed array '\(name)' is damaged")
      }
    default: throw failure("the array '\(name)' is packed in an unknown way (\(member.method))")
    }
  }

  private func failure(_ reason: String) -> Failure { Failure(path: path, reason: reason) }

  /// `count` bytes from `offset` on; nil if the file has fewer.
  private func slice(_ offset: Int, _ count: Int) -> Data? {
    guard offset >= 0, offset <= data.count, count <= data.count - offset else { return nil }
    return data[data.startIndex + offset..<data.startIndex + offset + count]
  }

  /// A little-endian number; nil beyond the end of the file.
  private func number(_ offset: Int, _ bytes: Int) -> Int? {
    slice(offset, bytes)?.reversed().reduce(0) { $0 << 8 | Int($1) }
  }
}
