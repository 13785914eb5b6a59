#if HDF5
  import CHDF5
  import Foundation
  import Images
  import Tensors

  /// A dataset of shape [count, height, width, 3] and type uint8 in an HDF5 file.
  ///
  /// The HDF5 library is not safe for threads, so one lock guards every call of it.
  final class HDF5Images: Sendable {
    let count: Int
    private let path: String
    private let height: Int
    private let width: Int
    private let file: hid_t
    private let dataset: hid_t
    private static let library = NSLock()

    /// Runs what calls the library: one thread at a time, and without errors that stay behind.
    private static func callingLibrary<Result>(_ body: () throws -> Result) rethrows -> Result {
      try library.withLock {
        chdf5_silence()
        defer { chdf5_forget_errors() }
        return try body()
      }
    }

    init(path: String, dataset name: String) throws {
      self.path = path
      func refused(_ reason: String) -> DatasetError {
        DatasetError(path: path, reason: reason, remedy: "download the file again")
      }
      let opened = try HDF5Images.callingLibrary {
        () throws -> (file: hid_t, dataset: hid_t, extents: [hsize_t]) in
        let file = H5Fopen(path, UInt32(chdf5_read_only()), hid_t(chdf5_default()))
        guard file >= 0 else { throw refused("it is no HDF5 file, or is damaged") }
        let dataset =
          chdf5_is_own(file, name) != 0 ? H5Dopen2(file, name, hid_t(chdf5_default())) : -1
        guard dataset >= 0 else {
          H5Fclose(file)
          throw refused("it has no dataset '\(name)' of its own")
        }
        guard chdf5_holds_elements(dataset) != 0 else {
          H5Dclose(dataset)
          H5Fclose(file)
          throw refused("the images of its dataset '\(name)' are in other files")
        }
        let space = H5Dget_space(dataset)
        let type = H5Dget_type(dataset)
        defer {
          H5Sclose(space)
          H5Tclose(type)
        }
        let rank = H5Sget_simple_extent_ndims(space)
        var extents = [hsize_t](repeating: 0, count: max(Int(rank), 1))
        H5Sget_simple_extent_dims(space, &extents, nil)
        guard rank == 4, extents[3] == 3, H5Tget_size(type) == 1,
          extents.allSatisfy({ $0 > 0 && $0 < 1 << 31 }),
          extents[1] * extents[2] <= hsize_t(Image.pixelLimit)
        else {
          H5Dclose(dataset)
          H5Fclose(file)
          throw refused(
            "its dataset '\(name)' has shape \(extents) instead of bytes "
              + "[count, height, width, 3]")
        }
        return (file, dataset, extents)
      }
      file = opened.file
      dataset = opened.dataset
      count = Int(opened.extents[0])
      height = Int(opened.extents[1])
      width = Int(opened.extents[2])
    }

    deinit {
      HDF5Images.callingLibrary {
        H5Dclose(dataset)
        H5Fclose(file)
      }
    }

    func image(_ index: Int) throws -> Image {
      var pixels = [UInt8](repeating: 0, count: width * height * 3)
      let status = HDF5Images.callingLibrary { () -> herr_t in
        let space = H5Dget_space(dataset)
        let extents = [1, hsize_t(height), hsize_t(width), 3]
        let memory = H5Screate_simple(4, extents, nil)
        defer {
          H5Sclose(space)
          H5Sclose(memory)
        }
        let selected = H5Sselect_hyperslab(
          space, H5S_SELECT_SET, [hsize_t(index), 0, 0, 0], nil, extents, nil)
        guard selected >= 0 else { return selected }
        return H5Dread(dataset, chdf5_bytes(), memory, space, hid_t(chdf5_default()), &pixels)
      }
      guard status >= 0 else {
        throw DatasetError(
          path: path, reason: "image \(index) cannot be read", remedy: "download the file again")
      }
      return Image(width: width, height: height, pixels: pixels)
    }
  }
#endif
