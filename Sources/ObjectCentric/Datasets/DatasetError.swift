/// A data set that cannot be opened or read.
public struct DatasetError: Error, CustomStringConvertible, Equatable {
  /// The path of the file or folder.
  public let path: String
  /// What is wrong.
  public let reason: String
  /// What the user can do about it.
  public let remedy: String

  /// An error from its parts.
  public init(path: String, reason: String, remedy: String) {
    self.path = path
    self.reason = reason
    self.remedy = remedy
  }

  /// The path, the reason and the remedy in one sentence.
  public var description: String { "\(path): \(reason); \(remedy)" }
}
