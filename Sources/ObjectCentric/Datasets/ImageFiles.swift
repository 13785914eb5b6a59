import Foundation
import Images

/// The image files below a folder.
enum ImageFiles {
  /// The extensions that count as images, in lower case.
  static let extensions = ["png", "jpg", "jpeg"]

  /// Paths relative to `folder`, found recursively and sorted by their bytes.
  ///
  /// Names that begin with a dot are passed over: systems leave their own files there.
  ///
  /// - Throws: `DatasetError` when the folder is missing, is a file, or holds no image.
  static func found(in folder: URL) throws -> [String] {
    try expectFolder(folder)
    let root = folder.resolvingSymlinksInPath().path
    var found: [String] = []
    for case let path as String in FileManager.default.enumerator(atPath: root) ?? .init() {
      guard extensions.contains(split(path).ending.lowercased()),
        !path.split(separator: "/").contains(where: { $0.hasPrefix(".") }),
        !isFolder(root + "/" + path)
      else { continue }
      found.append(path)
    }
    guard !found.isEmpty else {
      throw DatasetError(
        path: folder.path,
        reason: "no image was found in it or in the folders below (looked for names ending in "
          + extensions.map { "." + $0 }.joined(separator: ", ") + ", in any case)",
        remedy: "check the path, or convert the images to PNG or JPEG")
    }
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// A path before and after the last dot of its last component; all of it where there is none.
  static func split(_ path: String) -> (stem: Substring, ending: Substring) {
    let name = path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return (path[...], "") }
    return (path[..<dot], path[path.index(after: dot)...])
  }

  /// The files of data that is split on disk, each part in the order of its paths.
  ///
  /// A missing test folder gives an empty part; the others must be there.
  static func parts(
    in root: URL, _ folders: [Split: String], limit: Int?
  ) throws -> [Split: [String]] {
    var result: [Split: [String]] = [:]
    for (split, name) in folders {
      let folder = root.appending(path: name)
      if split == .test, !isFolder(folder.path) { continue }
      result[split] = try found(in: folder).prefix(limit ?? .max).map { name + "/" + $0 }
    }
    return result
  }

  /// Throws a `DatasetError` unless `folder` is there and is a folder.
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
