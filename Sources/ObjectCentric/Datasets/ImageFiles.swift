import Foundation
import Images

/// The image files below a folder.
enum ImageFiles {
  /// The extensions that count as images, in lower case.
  static let extensions = ["png", "jpg", "jpeg"]

  /// Paths relative to `folder`, found recursively and sorted by their bytes.
  ///
  /// Links to folders are followed. Each folder is visited only once, however many links lead to
  /// it: under its own path if it lies below `folder`, and otherwise under the first link to it.
  /// Names that begin with a dot are skipped, because systems keep files of their own there. Names
  /// need not be UTF-8.
  ///
  /// - Throws: `DatasetError` when the folder is missing, is a file, or holds no image, or when a
  ///   folder below it cannot be read.
  static func found(in folder: URL) throws -> [RawPath] {
    try expectFolder(folder)
    var search = ImageSearch(below: RawPath(folder.resolvingSymlinksInPath().path))
    try search.run()
    guard !search.found.isEmpty else {
      throw DatasetError(
        path: folder.path,
        reason: "no image was found in it or in the folders below (looked for names ending in "
          + extensions.map { "." + $0 }.joined(separator: ", ") + ", in any case)",
        remedy: "check the path, or convert the images to PNG or JPEG")
    }
    return search.found.sorted()
  }

  /// The files of a data set that has a folder for each part; each part in the order of its paths.
  ///
  /// A missing test folder gives an empty part; the other folders must exist.
  static func parts(
    in root: URL, _ folders: [Split: String], limit: Int?
  ) throws -> [Split: [RawPath]] {
    var result: [Split: [RawPath]] = [:]
    for (split, name) in folders {
      let folder = root.appending(path: name)
      if split == .test, !isFolder(folder.path) { continue }
      result[split] = try found(in: folder).prefix(limit ?? .max).map {
        RawPath(name).appending($0)
      }
    }
    return result
  }

  /// Throws a `DatasetError` unless `folder` exists and is a folder.
  static func expectFolder(_ folder: URL) throws {
    guard FileManager.default.fileExists(atPath: folder.path) else {
      throw DatasetError(
        path: folder.path, reason: "there is no such folder", remedy: "check the path")
    }
    guard isFolder(folder.path) else {
      throw DatasetError(
        path: folder.path, reason: "it is a file, not a folder of images",
        remedy: "name the folder that holds the images")
    }
    guard access(folder.path, R_OK | X_OK) == 0 else {
      throw DatasetError(
        path: folder.path,
        reason: "the folder cannot be read (\(String(cString: strerror(errno))))",
        remedy: "change its permissions")
    }
  }

  /// Whether there is a folder at the path.
  static func isFolder(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      && isDirectory.boolValue
  }
}
