import Foundation

extension ImageFolder {
  /// COCO-2017 (Lin and others, 2014), either as published or as FiftyOne stores it.
  ///
  /// The published layout is `{train,val,test}2017/*.jpg`, and FiftyOne's is
  /// `{train,validation,test}/data/*.jpg`. The shorter side is resized to the image size, and the
  /// centre is cut out. A missing test folder counts as empty.
  ///
  /// - Parameters:
  ///   - url: the folder that holds these folders.
  ///   - imageSize: the number of pixels of a side.
  ///   - limit: the largest number of images of each part; default all.
  /// - Returns: the data set.
  /// - Throws: `DatasetError` when a folder is missing or empty.
  public static func coco(_ url: URL, imageSize: Int, limit: Int? = nil) throws -> ImageFolder {
    let isPublished = ImageFiles.isFolder(url.appending(path: "train2017").path)
    return ImageFolder(
      kind: "COCO-2017", folder: url.resolvingSymlinksInPath(),
      parts: try ImageFiles.parts(
        in: url,
        isPublished
          ? [.train: "train2017", .validation: "val2017", .test: "test2017"]
          : [.train: "train/data", .validation: "validation/data", .test: "test/data"],
        limit: limit),
      imageSize: imageSize, framing: .shortSide)
  }
}
