import Foundation
import Images

/// The search for image files below a folder, through links.
struct ImageSearch {
  /// The paths that were found, relative to the root, in no particular order.
  private(set) var found: [RawPath] = []
  private let root: RawPath
  private var visited: Set<Identity> = []
  /// Links to folders, which are followed after all folders that can be reached without links.
  private var links: [RawPath] = []

  /// The numbers by which the system tells a folder from all others.
  private struct Identity: Hashable {
    let device: UInt64
    let number: UInt64

    init(_ status: stat) {
      (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }
  }

  init(below root: RawPath) { self.root = root }

  /// Runs the search.
  ///
  /// - Throws: `DatasetError` naming a folder that cannot be read.
  mutating func run() throws {
    try visit(nil)
    while !links.isEmpty {
      let next = links.sorted()
      links = []
      for link in next { try visit(link) }
    }
  }

  private func place(_ path: RawPath?) -> RawPath { path.map(root.appending) ?? root }

  /// Searches a folder, unless it has been searched before.
  private mutating func visit(_ path: RawPath?) throws {
    var waiting = [path]
    while let folder = waiting.popLast() {
      guard let status = place(folder).status, visited.insert(Identity(status)).inserted else {
        continue
      }
      for name in try place(folder).names where name.bytes.first != UInt8(ascii: ".") {
        let inner = folder.map { $0.appending(name) } ?? name
        // A link whose target is missing is listed by its name, so that reading it reports what is
        // wrong.
        if place(inner).status?.isFolder == true {
          if place(inner).statusOfLink?.isLink == true {
            links.append(inner)
          } else {
            waiting.append(inner)
          }
        } else if ImageFiles.extensions.contains(name.ending) {
          found.append(inner)
        }
      }
    }
  }
}

extension RawPath {
  /// The names in the folder that this is the path of, as the system has them, in no particular order.
  ///
  /// - Throws: `DatasetError` naming the folder when it cannot be read.
  var names: [RawPath] {
    get throws {
      func unreadable() -> DatasetError {
        DatasetError(
          path: description,
          reason: "the folder cannot be read (\(String(cString: strerror(errno))))",
          remedy: "change its permissions, or move it elsewhere")
      }
      guard let stream = withCString({ opendir($0) }) else { throw unreadable() }
      defer { closedir(stream) }
      var names: [RawPath] = []
      while true {
        errno = 0
        guard let entry = readdir(stream) else { break }
        let capacity = MemoryLayout.size(ofValue: entry.pointee.d_name)
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: UInt8.self, capacity: capacity) { start in
            RawPath(bytes: UnsafeBufferPointer(start: start, count: capacity))
          }
        }
        names.append(name)
      }
      guard errno == 0 else { throw unreadable() }
      return names
    }
  }

  /// The status of the file to which the path leads, through links; nil if there is none.
  fileprivate var status: stat? {
    var status = stat()
    return withCString { stat($0, &status) } == 0 ? status : nil
  }

  /// The status of the path itself, without following a link.
  fileprivate var statusOfLink: stat? {
    var status = stat()
    return withCString { lstat($0, &status) } == 0 ? status : nil
  }
}

extension stat {
  fileprivate var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
  fileprivate var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
}
