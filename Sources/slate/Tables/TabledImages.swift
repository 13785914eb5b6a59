import Foundation
import ObjectCentric

/// The images of a run, as a table tells them from those of other runs.
///
/// Folders are the same where their fingerprints are, whatever their paths: two folders may have one
/// relative path, and one folder may be given in several ways.
struct TabledImages: Equatable {
  /// The path of a folder or file as the user gave it, without `.` and empty parts; nil for
  /// generated scenes.
  private let path: String?
  private let absolutePath: String?
  /// The fingerprint, which depends on `imageSize`; nil in records that have none.
  private let fingerprint: String?
  private let imageSize: Int
  /// The generated scenes, in words; empty for files and where there is no record.
  private let scenes: String
  /// How the images are read, in words.
  private let reading: [String]

  /// The part of run.json that is read.
  private struct Record: Decodable {
    struct Images: Decodable {
      let path: String?
      let absolutePath: String?
      let fingerprint: String?
      let scenes: String?
      let limit: Int?
      let centerCrop: Int?
      let maskIgnore: Int?
      let exifOrientation: Bool?
    }
    let data: Images
  }

  /// Reads the record of a run.
  ///
  /// - Parameters:
  ///   - folder: the folder of the run.
  ///   - imageSize: the size at which the run sees its images, in pixels.
  /// - Throws: `RunError` naming the record when it is no file or too large.
  init(of folder: RunFolder, imageSize: Int) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let record = try SmallFile.contents(folder.record.path)
      .flatMap { try? decoder.decodeUntrusted(Record.self, from: $0).data }
    self.imageSize = imageSize
    path = record?.path.map(TabledImages.shortened)
    (absolutePath, fingerprint) = (record?.absolutePath, record?.fingerprint)
    scenes =
      record.map {
        $0.path == nil ? "generated \($0.scenes ?? SceneStyle.shaded.rawValue) scenes" : ""
      } ?? ""
    let numbers = [
      ("limit", record?.limit), ("center-crop", record?.centerCrop),
      ("mask-ignore", record?.maskIgnore),
    ].compactMap { name, value in value.map { "\(name) \($0)" } }
    reading = numbers + (record?.exifOrientation == true ? ["exif-orientation"] : [])
  }

  /// Names of the images of runs, which are the same for the same images.
  ///
  /// The name is the path of the first run that has them; where other images have it too, the path
  /// from the root; where that does not do either, the fingerprint stands beside it.
  static func names(of all: [TabledImages]) -> [String] {
    let firsts = all.map { images in all.first { $0.isSame(as: images) } ?? images }
    var names = firsts.map { $0.path ?? $0.scenes }
    for longer in [\TabledImages.pathFromRoot, \.pathWithFingerprint] {
      let former = names
      for index in names.indices {
        let isShared = names.indices.contains { other in
          former[other] == former[index] && all[other].reading == all[index].reading
            && !all[other].isSame(as: all[index])
        }
        if isShared { names[index] = firsts[index][keyPath: longer] }
      }
    }
    return zip(names, all).map { ([$0] + $1.reading).joined(separator: " ") }
  }

  private func isSame(as other: TabledImages) -> Bool {
    guard path != nil, other.path != nil else {
      return scenes == other.scenes && path == other.path
    }
    if let fingerprint, fingerprint == other.fingerprint { return true }
    // At two sizes the same images have two fingerprints.
    let isComparable = imageSize == other.imageSize && fingerprint != nil
    return pathFromRoot == other.pathFromRoot && !(isComparable && other.fingerprint != nil)
  }

  private var pathFromRoot: String { absolutePath ?? path ?? scenes }

  private var pathWithFingerprint: String {
    pathFromRoot + (fingerprint.map { " (fingerprint \($0))" } ?? "")
  }

  private static func shortened(_ path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    if path.hasPrefix("/") { return "/" + parts }
    return parts.isEmpty ? "." : parts
  }
}
