import Foundation
import Tensors

/// An example for each of some files, read when it is needed.
///
/// ```swift
/// let files = try FileManager.default.contentsOfDirectory(
///   at: folder, includingPropertiesForKeys: nil)
/// let data = FileDataset(files) { url in
///   try Tensor(Recording(contentsOf: url).samples)
/// }
/// ```
/// Threads of the loader read ahead, so that `read` runs on several of them at once. What it throws is
/// about one file: the loader passes over as many as it tolerates, and names them. Files are in the order
/// of their paths, whatever the order in which the system lists them.
public struct FileDataset<Example: Sendable>: Dataset {
  /// The files in the order of their paths.
  public let files: [URL]
  private let read: @Sendable (URL) throws -> Example

  /// A data set of files.
  ///
  /// - Parameters:
  ///   - files: in any order.
  ///   - read: makes an example of a file, on any thread.
  public init(_ files: [URL], read: @escaping @Sendable (URL) throws -> Example) {
    self.files = files.sorted { $0.path < $1.path }
    self.read = read
  }

  /// The number of files.
  public var count: Int { files.count }
  /// What `read` makes of a file.
  ///
  /// - Throws: what `read` throws.
  public func example(_ index: Int) throws -> Example { try read(files[index]) }
  /// The examples as they are.
  public func batch(of examples: [Example]) -> [Example] { examples }
  /// The path of the file.
  public func name(_ index: Int) -> String { files[index].path }
}
