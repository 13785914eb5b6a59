import FileReading
import Foundation
import Images

extension ImageFolder {
  /// ShapeStacks (Groth and others, 2018): `recordings/<scenario>/rgb-*-mono-0.png`, 224 x 224 pixels.
  ///
  /// The parts are lists of scenarios, one scenario per line, in
  /// `splits/<list>/{train,eval,test}.txt`; eval is the validation part. Images come in the order
  /// of the lists, and within a scenario in the order of their names. Lists have at most 4 MiB, and names
  /// need not be UTF-8.
  ///
  /// If the archive of instance segmentations is unpacked beside the recordings, there are masks:
  /// PNG files `iseg/<scenario>/iseg-w=0-f=0-l=0-c=original-cam_K-mono-0.map` in which the red
  /// channel is 32 times the object's number, and 0 for the background. One mask serves all
  /// pictures of the scenario by camera K, whatever their light and textures.
  ///
  /// - Parameters:
  ///   - url: the folder that holds `recordings` and `splits`.
  ///   - imageSize: the number of pixels of a side.
  ///   - list: which lists split the data: `default` (the default), `ccs_all` or `blocks_all`.
  ///   - centerCrop: the side of a central square that is cut out, for example 196; default nil,
  ///     which cuts nothing.
  ///   - limit: the largest number of images of each part; default all.
  /// - Returns: the data set.
  /// - Throws: `DatasetError` when a list or a scenario of it is missing or has no image.
  public static func shapeStacks(
    _ url: URL, imageSize: Int, list: String = "default", centerCrop: Int? = nil,
    limit: Int? = nil
  ) throws -> ImageFolder {
    let folder = url.resolvingSymlinksInPath()
    var parts: [Split: [RawPath]] = [:]
    for (split, name) in [(Split.train, "train"), (.validation, "eval"), (.test, "test")] {
      let file = folder.appending(path: "splits/\(list)/\(name).txt")
      parts[split] = try recordings(listedIn: file, below: folder, limit: limit ?? .max)
    }
    let maskPath = { @Sendable (path: RawPath) in
      RawPath(folder.path).appending(segmentation(ofRecording: path))
    }
    var data = ImageFolder(
      kind: "ShapeStacks", folder: folder, parts: parts, imageSize: imageSize,
      framing: centerCrop.map { .centerCrop($0) } ?? .whole,
      maskPath: ImageFiles.isFolder(folder.path + "/iseg") ? maskPath : nil)
    data.maskEncoding = .redChannel
    return data
  }

  /// The mask of a picture, which depends on its scenario and its camera.
  private static func segmentation(ofRecording path: RawPath) -> RawPath {
    // recordings/SCENARIO/rgb-...-cam_K-mono-0.png
    let parts = path.bytes.split(separator: UInt8(ascii: "/"))
    let scenario = parts.dropFirst().first ?? []
    let words = parts.last?.split(separator: UInt8(ascii: "-")) ?? []
    let camera = words.first { $0.starts(with: "cam_".utf8) } ?? []
    return RawPath("iseg").appending(RawPath(bytes: scenario)).appending(
      RawPath(bytes: "iseg-w=0-f=0-l=0-c=original-".utf8 + camera + "-mono-0.map".utf8))
  }

  /// The largest list that is read, in bytes; the published ones have less than half of it.
  private static let largestList = 4 << 20

  private static func recordings(
    listedIn file: URL, below folder: URL, limit: Int
  ) throws -> [RawPath] {
    let text: Data
    do {
      text = try RegularFile(file.path).contents(atMost: largestList)
    } catch {
      throw DatasetError(
        path: file.path,
        reason: error.isMissing
          ? "this list of scenarios is missing" : "this list of scenarios: \(error.reason)",
        remedy: "choose one of the lists in the folder splits, or download the splits again")
    }
    var found: [RawPath] = []
    let blanks = Set("\t\u{b}\u{c} ".utf8)
    for line in text.split(whereSeparator: { $0 == 10 || $0 == 13 }) where found.count < limit {
      // A zero byte would end the name.
      let name = line.drop { blanks.contains($0) }
        .reversed().drop { blanks.contains($0) }.reversed()
      guard !name.isEmpty else { continue }
      let scenario = RawPath(bytes: name)
      guard !name.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }),
        scenario != ".", scenario != ".."
      else {
        let shown = String(decoding: name, as: UTF8.self)
        throw DatasetError(
          path: file.path, reason: "'\(shown)' is no name of a scenario",
          remedy: "a line is the name of one folder in recordings; download the splits again")
      }
      let place = RawPath("recordings").appending(scenario)
      let names = try? RawPath(folder.path).appending(place).names
      let images = (names ?? []).filter {
        $0.bytes.starts(with: "rgb-".utf8)
          && $0.bytes.reversed().starts(with: "-mono-0.png".utf8.reversed())
      }
      guard !images.isEmpty else {
        throw DatasetError(
          path: RawPath(folder.path).appending(place).description,
          reason: "there is no rgb-*-mono-0.png of this scenario, which \(file.path) lists",
          remedy: "unpack the recordings again, or remove the scenario from the list")
      }
      found += images.sorted().map { place.appending($0) }
    }
    guard !found.isEmpty else {
      throw DatasetError(
        path: file.path, reason: "it lists no scenario", remedy: "download the splits again")
    }
    return Array(found.prefix(limit))
  }
}
