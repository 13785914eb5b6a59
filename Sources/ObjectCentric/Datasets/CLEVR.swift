import Foundation

extension ImageFolder {
  /// CLEVR v1.0 (Johnson and others, 2017): `images/{train,val,test}/*.png`, 480 x 320 pixels.
  ///
  /// The parts are the folders on disk, in the order of the names; a missing test folder counts as
  /// empty.
  ///
  /// - Parameters:
  ///   - url: the folder that holds `images`.
  ///   - imageSize: the number of pixels of a side.
  ///   - centerCrop: the side of the central square that is cut out of the picture at 320 x 240,
  ///     for example the 192 of the slot attention experiments; default nil, which resizes the
  ///     whole picture.
  ///   - limit: the largest number of images of each part; default all.
  /// - Returns: the data set.
  /// - Throws: `DatasetError` when a folder is missing or empty.
  public static func clevr(
    _ url: URL, imageSize: Int, centerCrop: Int? = nil, limit: Int? = nil
  ) throws -> ImageFolder {
    ImageFolder(
      kind: "CLEVR", folder: url.resolvingSymlinksInPath(),
      parts: try ImageFiles.parts(
        in: url, [.train: "images/train", .validation: "images/val", .test: "images/test"],
        limit: limit),
      imageSize: imageSize,
      framing: centerCrop.map { .centerCrop($0, ofWidth: 320, height: 240) } ?? .whole)
  }
}
