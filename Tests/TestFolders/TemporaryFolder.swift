import Foundation

/// A folder for the files of a test, which is removed with the value.
///
/// ```swift
/// let folder = try TemporaryFolder()
/// try data.write(to: folder.url.appending(path: "a.bin"))
/// ```
/// Nothing that tests write stands outside of such folders; `.ci/run` looks for it. A process of its own that
/// may end before its values do (by `exit`, by a signal) gets the path of a folder of the test that starts it.
public final class TemporaryFolder: Sendable {
  /// The folder, without symbolic links on the way.
  public let url: URL

  /// Makes a folder of its own.
  public init() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "implicit-layers-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    url = folder.resolvingSymlinksInPath()
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// The path of something inside.
  public func path(_ name: String) -> String { url.appending(path: name).path }
}

/// Runs `body` with a new folder, which is removed afterwards.
///
/// - Throws: what `body` throws.
public func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = try TemporaryFolder()
  return try withExtendedLifetime(folder) { try body(folder.url) }
}
