import Foundation

/// The layouts of images on disk that can be recognised.
public enum DatasetKind: String, Sendable, CaseIterable {
  /// A folder of PNG and JPEG files.
  case imageFolder = "image folder"
  /// A folder with `images/train` and `images/val`.
  case clevr = "CLEVR"
  /// A folder with `recordings` and `splits`.
  case shapeStacks = "ShapeStacks"
  /// A folder with `train2017`, or with FiftyOne's `train/data`.
  case coco = "COCO-2017"
  /// A file `3dshapes.h5`, or any file whose name ends in .h5 or .hdf5.
  case shapes3D = "3D Shapes"

  /// The kind that a folder or file looks like.
  ///
  /// - Throws: `DatasetError` when there is nothing at the path, or a file that is not HDF5.
  public init(at url: URL) throws {
    func has(_ path: String) -> Bool { ImageFiles.isFolder(url.appending(path: path).path) }
    let isFile =
      FileManager.default.fileExists(atPath: url.path) && !ImageFiles.isFolder(url.path)
    if isFile, ["h5", "hdf5"].contains(url.pathExtension.lowercased()) {
      self = .shapes3D
      return
    }
    try ImageFiles.expectFolder(url)
    if FileManager.default.fileExists(atPath: url.appending(path: "3dshapes.h5").path) {
      self = .shapes3D
    } else if has("images/train"), has("images/val") {
      self = .clevr
    } else if has("recordings"), has("splits") {
      self = .shapeStacks
    } else if has("train2017") || (has("train/data") && has("validation/data")) {
      self = .coco
    } else {
      self = .imageFolder
    }
  }
}

/// The options with which a data set on disk is opened.
///
/// ```swift
/// let data = try DatasetOptions(imageSize: 64, centerCrop: 192).open(URL(filePath: "CLEVR_v1.0"))
/// ```
public struct DatasetOptions: Sendable, Equatable {
  /// The number of pixels of a side.
  public var imageSize: Int
  /// The side of a central square that is cut out before resizing, in pixels of the file, or for
  /// CLEVR in pixels of the picture at 320 x 240; nil for none.
  public var centerCrop: Int?
  /// The largest number of images: per part if the parts are separate on disk, otherwise in all.
  ///
  /// Nil for all images.
  public var limit: Int?
  /// The lists of scenarios by which ShapeStacks is split: `default`, `ccs_all` or `blocks_all`.
  public var shapeStacksList: String
  /// Whether pictures and masks in files are turned as their EXIF data say; default false.
  public var appliesOrientation = false
  /// The value of those pixels of a mask that belong to no known object
  /// (`MaskEncoding.values(ignoring:)`); nil for none.
  public var ignoredMaskValue: Int?

  /// Options of which each has a default except the image size: all images are used, and nothing is
  /// cut off.
  public init(
    imageSize: Int, centerCrop: Int? = nil, limit: Int? = nil, shapeStacksList: String = "default"
  ) {
    self.imageSize = imageSize
    self.centerCrop = centerCrop
    self.limit = limit
    self.shapeStacksList = shapeStacksList
  }

  /// Opens a folder or file as the kind that it looks like, or as `kind`.
  ///
  /// - Throws: `DatasetError` that names the missing file, or an option that does not apply to the
  ///   kind.
  public func open(_ url: URL, as kind: DatasetKind? = nil) throws -> any ImageDataset {
    let kind = try kind ?? DatasetKind(at: url)
    if let limit, limit < 1 {
      throw DatasetError(
        path: url.path, reason: "a limit of \(limit) images leaves none",
        remedy: "choose 1 or more, or no limit")
    }
    if kind == .shapes3D || kind == .coco, centerCrop != nil {
      throw DatasetError(
        path: url.path, reason: "a centre crop cannot be chosen for \(kind.rawValue)",
        remedy: "leave the crop out")
    }
    if kind == .shapes3D { return try Shapes3D(url, imageSize: imageSize, limit: limit) }
    var folder = try folder(url, as: kind)
    folder.appliesOrientation = appliesOrientation
    if let ignoredMaskValue, case .values = folder.maskEncoding {
      folder.maskEncoding = .values(ignoring: ignoredMaskValue)
    }
    return folder
  }

  /// The image files of any kind of data set except 3D Shapes.
  private func folder(_ url: URL, as kind: DatasetKind) throws -> ImageFolder {
    switch kind {
    case .clevr:
      try .clevr(url, imageSize: imageSize, centerCrop: centerCrop, limit: limit)
    case .shapeStacks:
      try .shapeStacks(
        url, imageSize: imageSize, list: shapeStacksList, centerCrop: centerCrop, limit: limit)
    case .coco:
      try .coco(url, imageSize: imageSize, limit: limit)
    case .imageFolder, .shapes3D:
      try ImageFolder(
        url, imageSize: imageSize, framing: centerCrop.map { .centerCrop($0) } ?? .whole,
        limit: limit)
    }
  }
}
