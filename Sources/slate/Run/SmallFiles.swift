import FileReading
import Foundation

/// The files of values and text that belong to a run: configurations, records, scores, reasons.
enum SmallFile {
  /// The largest such file, and the largest description of a run in a checkpoint, in bytes.
  ///
  /// They have some thousand. The values of a larger one could take a hundred times its size in memory.
  static let sizeLimit = 1 << 20

  /// The bytes of such a file; nil if there is nothing at its path.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - remedy: what to do where it is no such file; default what helps in a run's folder.
  /// - Returns: the bytes.
  /// - Throws: `RunError` naming the file when it is no file, too large, or cannot be read.
  static func contents(
    _ path: String, remedy: String = "remove it, or put the file there that `slate` wrote"
  ) throws -> Data? {
    do throws(RegularFile.Fault) {
      return try RegularFile(path).contents(atMost: sizeLimit)
    } catch {
      if error.isMissing { return nil }
      throw RunError(path: path, reason: error.reason, remedy: remedy)
    }
  }

  /// The text of such a file without the ends of its lines at both ends; nil if there is none.
  ///
  /// - Throws: `RunError` as `contents` does.
  static func text(_ path: String) throws -> String? {
    try contents(path).map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines) }
  }
}
