import ArgumentParser
import ObjectCentric

/// The options that say how image files are read, for every command that reads some.
struct FileOptions: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: "Turn pictures as their EXIF data say; by default they are read as they lie in the file.")
  var exifOrientation: Bool?
  @Option(
    help: ArgumentHelp(
      """
      Unreadable images of a part that are passed over with a warning; default one in a hundred of \
      all images of a data set, at most 10, and none of images that are named or compared as a whole.
      """, valueName: "count"))
  var maxUnreadable: Int?

  func validate() throws {
    if let maxUnreadable, maxUnreadable < 0 {
      throw ValidationError("--max-unreadable \(maxUnreadable): it must be 0 or more")
    }
  }
}
