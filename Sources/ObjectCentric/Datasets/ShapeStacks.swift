import Foundation
import Images

extension ImageFolder {
  /// ShapeStacks (Groth and others, 2018): `recordings/<scenario>/rgb-*-mono-0.png`, 224 x 224 pixels.
  ///
  /// The parts are lists of scenarios, one scenario per line, in
  /// `splits/<list>/{train,eval,test}.txt`; eval is the validation part. Images come in the order
  /// of the lists, and within a scenario in the order of their names.
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

  /// The mask of a picture, which depends on its scenario and its camera.
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
