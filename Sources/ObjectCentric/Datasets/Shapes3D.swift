import FileReading
import Foundation
import Images
import Tensors

#if HDF5
  import CHDF5
#endif

/// 3D Shapes (Burgess and Kim 2018): 480,000 images of 64 x 64 pixels in the file `3dshapes.h5`.
///
/// ```swift
/// let data = try Shapes3D(URL(filePath: "3dshapes.h5"))
/// ```
/// The parts are the published ones: [0, 400000) for training, [400001, 430000) for validation and
/// [430001, 460000) for test. The package must be built with the trait `HDF5`; without it, opening
/// throws an error that says how to enable it.
public struct Shapes3D: ImageDataset {
  /// The published parts, as positions in the file.
  public static let publishedParts: [Split: Range<Int>] = [
    .train: 0..<400_000, .validation: 400_001..<430_000, .test: 430_001..<460_000,
  ]

  /// The number of rows, and of columns, of every image.
  public let imageSize: Int
  private let path: String
  private let parts: [Split: Range<Int>]
  #if HDF5
    private let file: HDF5Images
  #endif

  /// Opens the file.
  ///
  /// - Parameters:
  ///   - url: the file, or the folder that holds `3dshapes.h5`.
  ///   - imageSize: the number of pixels of a side; default 64, the size in the file.
  ///   - limit: the largest number of images of each part; default all.
  /// - Throws: `DatasetError` when the file cannot be read, has another layout or too few images, or
  ///   when the package was built without the trait.
  public init(_ url: URL, imageSize: Int = 64, limit: Int? = nil) throws {
    try self.init(url, imageSize: imageSize, parts: Shapes3D.publishedParts, limit: limit)
  }

  init(_ url: URL, imageSize: Int, parts: [Split: Range<Int>], limit: Int? = nil) throws {
    path = ImageFiles.isFolder(url.path) ? url.path + "/3dshapes.h5" : url.path
    self.imageSize = imageSize
    self.parts = parts.mapValues { $0.prefix(limit ?? .max) }
    guard FileManager.default.fileExists(atPath: path) else {
      throw DatasetError(path: path, reason: "there is no such file", remedy: "check the path")
    }
    do {
      // The library would open a FIFO, and wait for ever.
      _ = try RegularFile(path)
    } catch {
      throw DatasetError(
        path: path, reason: error.reason, remedy: "check the path and its permissions")
    }
    #if HDF5
      file = try HDF5Images(path: path, dataset: "images")
      let needed = parts.values.map(\.upperBound).max() ?? 0
      guard file.count >= needed else {
        throw DatasetError(
          path: path,
          reason: "it holds \(file.count) images, but the published parts need \(needed)",
          remedy: "download the file again")
      }
    #else
      throw DatasetError(
        path: path, reason: "this program was built without HDF5, the format of the file",
        remedy: "install the library (apt-get install libhdf5-dev, or brew install hdf5) and build "
          + "with: swift build -c release --traits HDF5")
    #endif
  }

  /// "3D Shapes" and the path.
  public var description: String { "3D Shapes \(path)" }

  /// The number of images in a part.
  public func count(of split: Split) -> Int { parts[split]?.count ?? 0 }

  /// An image, resized if the wanted size is not that of the file.
  ///
  /// - Throws: `DatasetError` when the file is damaged.
  public func image(_ index: Int, of split: Split) throws -> Image {
    expectIndex(index, of: split)
    #if HDF5
      return try file.image((parts[split]?.lowerBound ?? 0) + index)
        .resized(width: imageSize, height: imageSize)
    #else
      callerMistake("a Shapes3D cannot exist without HDF5")
    #endif
  }

  /// Nil: the data has no masks.
  public func mask(_ index: Int, of split: Split) -> SegmentationMask? { nil }

  /// The path of the file and the position in it.
  public func name(_ index: Int, of split: Split) -> String {
    "\(path) image \((parts[split]?.lowerBound ?? 0) + index)"
  }
}
