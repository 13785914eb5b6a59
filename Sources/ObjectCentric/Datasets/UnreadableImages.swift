/// More images that cannot be read than were to be passed over.
public struct UnreadableImages: Error, CustomStringConvertible, Equatable {
  /// How many cannot be read, as far as was looked.
  public let count: Int
  /// Where: "the validation part of image folder pictures".
  public let part: String
  /// How many would have been passed over.
  public let tolerance: Int
  /// What is wrong with the first one, with its name.
  public let first: String

  /// An error from its parts.
  public init(count: Int, part: String, tolerance: Int, first: String) {
    self.count = count
    self.part = part
    self.tolerance = tolerance
    self.first = first
  }

  /// The first error, how many there are, and what to do.
  public var description: String {
    first + (count == 1 ? "" : "\n\(count) images cannot be read in \(part)")
      + "\n\(tolerance == 0 ? "none is" : "up to \(tolerance) are") passed over; "
      + "let more pass with the option --max-unreadable of slate, or the tolerance of BatchLoader"
  }
}
