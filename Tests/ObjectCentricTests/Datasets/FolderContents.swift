import Foundation
import Images

extension URL {
  /// Writes an image of one colour below this folder, making the folders on the way.
  func addImage(
    _ path: String, width: Int = 12, height: Int = 9, color: SIMD3<UInt8> = SIMD3(9, 90, 200)
  ) throws {
    let url = appending(path: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Image(width: width, height: height, color: color).write(to: url)
  }

  /// Writes a text file below this folder, making the folders on the way.
  func addText(_ path: String, _ text: String) throws {
    let url = appending(path: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }
}
