/// The error that more images than tolerated cannot be read.
public struct UnreadableImages: Error, CustomStringConvertible, Equatable {
  /// The number of images that cannot be read, among those that were tried.
  public let count: Int
  /// The part of the data in words: "the validation part of image folder pictures".
  public let part: String
  /// The number of unreadable images that would have been tolerated.
  public let tolerance: Int
  /// The error of the first one, with its name.
  public let first: String

  /// An error from its parts.
  public init(count: Int, part: String, tolerance: Int, first: String) {
    self.count = count
    self.part = part
    self.tolerance = tolerance
    self.first = first
  }

  /// The first error, the number of unreadable images, and what to do.
  public var description: String {
    first + (count == 1 ? "" : "\n\(count) images cannot be read in \(part)")
      + "\n\(tolerance == 0 ? "none is" : "up to \(tolerance) are") passed over; "
      + "let more pass with the option --max-unreadable of slate, or the tolerance of BatchLoader"
  }
}
