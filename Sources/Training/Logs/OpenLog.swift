import FileReading
import Foundation

extension FileHandle {
  /// Opens a log, or creates it.
  ///
  /// - Throws: `LogError` naming the file when it cannot be written, or is a link or anything else but a file.
  convenience init(changingLog url: URL) throws {
    do {
      let descriptor = try RegularFile.descriptor(changing: url.path)
      self.init(fileDescriptor: descriptor, closeOnDealloc: true)
    } catch {
      throw LogError(
        path: url.path, reason: error.reason,
        remedy: error.isOfOtherKind
          ? "put a copy in its place, or remove it, then resume the run"
          : "check the permissions of its folder")
    }
  }
}
