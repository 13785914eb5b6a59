/// A log that cannot be read or written.
public struct LogError: Error, CustomStringConvertible {
  /// The file.
  public let path: String
  /// What is wrong.
  public let reason: String
  /// What to do.
  public let remedy: String

  init(path: String, reason: String, remedy: String) {
    self.path = path
    self.reason = reason
    self.remedy = remedy
  }

  init(path: String, notWritten error: any Error) {
    self.init(
      path: path, reason: "the log cannot be written (\(error.systemReason))",
      remedy: "free some space or check the permissions, then resume the run")
  }

  /// File, reason and remedy in a sentence.
  public var description: String { "\(path): \(reason); \(remedy)" }
}
