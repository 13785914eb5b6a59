import Foundation

extension SafetensorsFile {
  /// The file's bytes: length, header padded to a multiple of 8, data.
  func serialized() throws -> Data {
    var fields: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.map { "\(quoted($0.key)):\(quoted($0.value))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for entry in entries {
      let shape = entry.shape.map(String.init).joined(separator: ",")
      fields.append(
        "\(quoted(entry.name)):{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(offset + entry.data.count)]}")
      offset += entry.data.count
    }
    let header = "{" + fields.joined(separator: ",") + "}"
    var text = Data(header.utf8)
    while text.count % 8 != 0 { text.append(0x20) }
    var result = Data(capacity: 8 + text.count + offset)
    withUnsafeBytes(of: UInt64(text.count).littleEndian) { result.append(contentsOf: $0) }
    result.append(text)
    for entry in entries { result.append(entry.data) }
    return result
  }

  /// Writes the file so that it is either complete or not there at all.
  ///
  /// The bytes go to a temporary file beside the target, reach the disk, and take the target's name;
  /// an older file of that name stays whole until then.
  ///
  /// - Parameters:
  ///   - url: the target.
  ///   - previous: where the older file is kept; default nowhere.
  /// - Throws: `SafetensorsError` naming the path, for example when the disk is full.
  public func write(to url: URL, keepingPreviousAt previous: URL? = nil) throws {
    let data = try serialized()
    try writeAtomically(data, to: url, keepingPreviousAt: previous) { reason in
      SafetensorsError(
        path: url.path, reason: "it cannot be written (\(reason))",
        remedy: "free some space or choose another folder; an older file was left as it was")
    }
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// Writes bytes to a temporary file beside the target, syncs it, and renames it.
///
/// The older file, if it is to be kept, first gets its second name as a hard link, so that a process
/// that is killed at any moment leaves a complete file under one of the two names.
///
/// - Throws: what `failure` makes of the system's reason; the temporary file is removed then.
package func writeAtomically(
  _ data: Data, to url: URL, keepingPreviousAt previous: URL? = nil,
  failure: (_ reason: String) -> any Error
) throws {
  let temporary = url.path + ".tmp"
  /// The system's reason, or what stands where something is to be written.
  func reason(_ path: String) -> String {
    let text = String(cString: strerror(errno))
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      ? "\(URL(filePath: path).lastPathComponent) is a folder" : text
  }
  let descriptor = openTemporary(temporary)
  guard descriptor >= 0 else { throw failure(reason(temporary)) }
  func fail(_ path: String) -> any Error {
    let reason = reason(path)
    unlink(temporary)
    return failure(reason)
  }
  defer { close(descriptor) }
  var written = 0
  while written < data.count {
    let count = data.withUnsafeBytes { raw -> Int in
      guard let base = raw.baseAddress else { return 0 }
      return Foundation.write(descriptor, base + written, data.count - written)
    }
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { throw fail(temporary) }
    written += count
  }
  guard fsync(descriptor) == 0 else { throw fail(temporary) }
  if let previous {
    let link = previous.path + ".tmp"
    unlink(link)
    if Foundation.link(url.path, link) == 0, rename(link, previous.path) != 0 {
      let error = fail(previous.path)
      unlink(link)
      throw error
    }
  }
  guard rename(temporary, url.path) == 0 else { throw fail(url.path) }
  let folder = open(url.deletingLastPathComponent().path, O_RDONLY)
  if folder >= 0 {
    fsync(folder)
    close(folder)
  }
}

/// Opens an empty temporary file, which no other process writes until it is closed.
///
/// Who writes the same file at the same time waits here until this one is complete. What else stands at
/// its place is removed, not opened: it could be a FIFO, on which writing waits, or a link to another file.
///
/// - Returns: the descriptor; negative where the system refuses, with its reason in errno, or where
///   the file was another one at each of 1000 looks (EBUSY).
private func openTemporary(_ path: String) -> Int32 {
  var (mine, there) = (stat(), stat())
  for _ in 0..<1000 {
    if lstat(path, &there) == 0, there.st_mode & S_IFMT != S_IFREG || there.st_nlink > 1 {
      unlink(path)
    }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return descriptor }
    // On a file system without locks, writing works all the same.
    flock(descriptor, LOCK_EX)
    // Another process may have given the file its final name meanwhile.
    if fstat(descriptor, &mine) == 0, lstat(path, &there) == 0,
      (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev)
    {
      guard ftruncate(descriptor, 0) == 0 else {
        let error = errno
        close(descriptor)
        errno = error
        return -1
      }
      return descriptor
    }
    close(descriptor)
  }
  errno = EBUSY
  return -1
}
