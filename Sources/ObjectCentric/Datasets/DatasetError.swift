/// A data set that cannot be opened or read.
public struct DatasetError: Error, CustomStringConvertible, Equatable {
  /// The file or folder.
  public let path: String
  /// What is wrong.
  public let reason: String
  /// What to do.
  public let remedy: String

  /// An error from its parts.
  public init(path: String, reason: String, remedy: String) {
    self.path = path
    self.reason = reason
    self.remedy = remedy
  }

  /// Place, reason and remedy in a sentence.
  public var description: String { "\(path): \(reason); \(remedy)" }
}
