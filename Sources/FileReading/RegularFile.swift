import Foundation

/// A regular file that is open for reading: how every file that may come from anybody is opened, and what is
/// written in place.
///
/// A FIFO, a socket or a device is refused before it is opened, because that could wait for ever, read
/// without end, or set off what a device does. The size is that of the moment of opening: a file that
/// grows meanwhile is read up to there.
package final class RegularFile {
  /// Why a file cannot be opened, read or written.
  package struct Fault: Error {
    /// What is wrong, as "it cannot be read (No such file or directory)" or "it is a FIFO, not a file".
    package let reason: String
    /// Whether there is nothing at the path.
    package var isMissing = false
    /// Whether there is something else than a file at the path.
    package var isOfOtherKind = false
    /// Whether there is a folder at the path.
    package var isFolder = false
  }

  /// The number of bytes.
  package let size: Int
  /// Of the open file, which is closed with this object.
  package let descriptor: Int32

  /// Files below this size are read, and larger ones mapped into memory.
  private static let leastMapped = 1 << 20

  /// Opens the file at a path, through links.
  ///
  /// - Throws: `Fault`.
  package convenience init(_ path: String) throws(Fault) { try self.init(Array(path.utf8)) }

  /// Opens the file at a path of any bytes, without a zero at the end.
  ///
  /// - Throws: `Fault`.
  package init(_ path: [UInt8]) throws(Fault) {
    (descriptor, size) = try RegularFile.opened(path, O_RDONLY)
  }

  deinit { close(descriptor) }

  /// Opens a file to be changed in place, or makes it: a log, which grows, or a lock.
  ///
  /// A link is refused too, and so is a file with another name, a hard link: in a folder that came from
  /// somebody else it could be any file of the user; in one that was copied by links, the copy.
  ///
  /// - Returns: a descriptor for reading and writing, which the caller closes.
  /// - Throws: `Fault`.
  package static func descriptor(changing path: String) throws(Fault) -> Int32 {
    try opened(Array(path.utf8), O_RDWR | O_CREAT | O_NOFOLLOW).descriptor
  }

  private static func opened(
    _ path: [UInt8], _ flags: Int32
  ) throws(Fault) -> (descriptor: Int32, size: Int) {
    let name = path.map { CChar(bitPattern: $0) } + [0]
    let isChanged = flags & O_CREAT != 0
    func failed() -> Fault { Fault(doing: isChanged ? "written" : "read") }
    var status = stat()
    if (isChanged ? lstat(name, &status) : stat(name, &status)) == 0 {
      try expectRegular(status)
    } else if !isChanged || errno != ENOENT {
      throw failed()
    }
    let file = open(name, flags | O_NONBLOCK | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failed() }
    do throws(Fault) {
      // Something else may stand there by now.
      guard fstat(file, &status) == 0 else { throw failed() }
      try expectRegular(status)
      if isChanged, status.st_nlink > 1 {
        throw Fault(
          reason: "it is a hard link: the same file has another name", isOfOtherKind: true)
      }
    } catch {
      close(file)
      throw error
    }
    return (file, Int(status.st_size))
  }

  /// Some bytes of the file, fewer where it ends before; behind bytes that are given, if any.
  ///
  /// - Parameters:
  ///   - range: positions in the file.
  ///   - start: bytes that the result begins with, which were read before.
  /// - Returns: `start`, and the bytes of the range.
  /// - Throws: `Fault`.
  package func bytes(
    _ range: Range<Int>, after start: [UInt8] = []
  ) throws(Fault) -> [UInt8] {
    var failed = false
    let total = start.count + range.count
    let result = [UInt8](unsafeUninitializedCapacity: total) { buffer, filled in
      filled = buffer.initialize(fromContentsOf: start)
      while filled < total, let base = buffer.baseAddress {
        let place = range.lowerBound + filled - start.count
        let piece = pread(descriptor, base + filled, total - filled, off_t(place))
        if piece < 0, errno == EINTR { continue }
        if piece < 0 { failed = true }
        if piece <= 0 { break }
        filled += piece
      }
    }
    guard !failed else { throw Fault(doing: "read") }
    return result
  }

  /// The whole file.
  ///
  /// A large one is mapped into memory, and must not become shorter as long as the bytes are used.
  ///
  /// - Throws: `Fault`.
  package func contents() throws(Fault) -> Data {
    guard size >= RegularFile.leastMapped else { return Data(try bytes(0..<size)) }
    guard let pages = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), pages != MAP_FAILED
    else { throw Fault(doing: "read") }
    return Data(
      bytesNoCopy: pages, count: size, deallocator: .custom { pages, size in munmap(pages, size) })
  }

  /// The whole file, unless it is larger than a limit.
  ///
  /// - Throws: `Fault`, which names the limit.
  package func contents(atMost limit: Int) throws(Fault) -> Data {
    guard size <= limit else {
      throw Fault(reason: "it has \(size) bytes, more than the \(limit) that are read")
    }
    return Data(try bytes(0..<size))
  }

  private static func expectRegular(_ status: stat) throws(Fault) {
    let kind: String
    switch status.st_mode & S_IFMT {
    case S_IFREG: return
    case S_IFDIR: kind = "folder"
    case S_IFIFO: kind = "FIFO"
    case S_IFSOCK: kind = "socket"
    case S_IFLNK: kind = "link"
    default: kind = "device"
    }
    throw Fault(
      reason: "it is a \(kind), not a file", isOfOtherKind: true,
      isFolder: status.st_mode & S_IFMT == S_IFDIR)
  }
}

extension RegularFile.Fault {
  /// What the system's last error kept from being done.
  fileprivate init(doing participle: String) {
    let error = errno
    self.init(
      reason: "it cannot be \(participle) (\(String(cString: strerror(error))))",
      isMissing: error == ENOENT || error == ENOTDIR)
  }
}
