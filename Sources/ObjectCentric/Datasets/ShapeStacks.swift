import Foundation
import Images

extension ImageFolder {
  /// ShapeStacks (Groth and others, 2018): `recordings/<scenario>/rgb-*-mono-0.png`, 224 x 224 pixels.
  ///
  /// The parts are lists of scenarios, one a line, in `splits/<list>/{train,eval,test}.txt`; eval is
  /// the validation part. Images come in the order of the lists, within a scenario by name.
  ///
  /// Where the archive of instance segmentations is unpacked beside the recordings, there are masks:
  /// `iseg/<scenario>/iseg-w=0-f=0-l=0-c=original-cam_K-mono-0.map`, PNG files in which the red channel
  /// is 32 times the object's number, and 0 the background. One map serves all pictures that camera K
  /// took of the scenario, whatever their light and textures.
  ///
  /// - Parameters:
  ///   - url: the folder that holds `recordings` and `splits`.
  ///   - imageSize: pixels of a side.
  ///   - list: `default` (the default), `ccs_all` or `blocks_all`.
  ///   - centerCrop: the side of a central square, for example 196; default none.
  ///   - limit: at most this many images of each part; default all.
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
        .map { RawPath($0) }
    }
    let maskPath = { @Sendable (path: RawPath) in
      RawPath(folder.path).appending(RawPath(segmentation(ofRecording: path.description)))
    }
    var data = ImageFolder(
      kind: "ShapeStacks", folder: folder, parts: parts, imageSize: imageSize,
      framing: centerCrop.map { .centerCrop($0) } ?? .whole,
      maskPath: ImageFiles.isFolder(folder.path + "/iseg") ? maskPath : nil)
    data.maskEncoding = .redChannel
    return data
  }

  /// The map of a picture: that of its scenario and camera.
  private static func segmentation(ofRecording path: String) -> String {
    // recordings/SCENARIO/rgb-...-cam_K-mono-0.png
    let parts = path.split(separator: "/")
    let scenario = parts.dropFirst().first ?? "?"
    let words = parts.last?.split(separator: "-") ?? []
    let camera = words.first { $0.hasPrefix("cam_") } ?? "cam_?"
    return "iseg/\(scenario)/iseg-w=0-f=0-l=0-c=original-\(camera)-mono-0.map"
  }

  private static func recordings(
    listedIn file: URL, below folder: URL, limit: Int
  ) throws -> [String] {
    guard let text = try? String(contentsOf: file, encoding: .utf8) else {
      throw DatasetError(
        path: file.path, reason: "this list of scenarios is missing or no text",
        remedy: "choose one of the lists in the folder splits, or download the splits again")
    }
    var found: [String] = []
    for line in text.split(whereSeparator: \.isNewline) where found.count < limit {
      let scenario = line.trimmingCharacters(in: .whitespaces)
      guard !scenario.isEmpty else { continue }
      guard !scenario.contains("/"), !scenario.contains("\0"), ![".", ".."].contains(scenario)
      else {
        throw DatasetError(
          path: file.path, reason: "'\(scenario)' is no name of a scenario",
          remedy: "a line is the name of one folder in recordings; download the splits again")
      }
      let place = "recordings/\(scenario)"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + place))
      let images = (names ?? []).filter { $0.hasPrefix("rgb-") && $0.hasSuffix("-mono-0.png") }
      guard !images.isEmpty else {
        throw DatasetError(
          path: folder.path + "/" + place,
          reason: "there is no rgb-*-mono-0.png of this scenario, which \(file.path) lists",
          remedy: "unpack the recordings again, or remove the scenario from the list")
      }
      found += images.sorted().map { place + "/" + $0 }
    }
    guard !found.isEmpty else {
      throw DatasetError(
        path: file.path, reason: "it lists no scenario", remedy: "download the splits again")
    }
    return Array(found.prefix(limit))
  }
}
