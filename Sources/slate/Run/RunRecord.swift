import Foundation
import ObjectCentric
import Tensors

/// The content of run.json: all that is needed to repeat the run, and to see whether the repetition
/// was the same.
///
/// A resumed run writes the file anew, with its own values.
struct RunRecord: Codable {
  /// The images.
  struct Images: Codable {
    let description: String
    let path: String?
    let absolutePath: String?
    let scenes: SceneStyle?
    let centerCrop: Int?
    let limit: Int?
    let maskIgnore: Int?
    let exifOrientation: Bool?
    let maxUnreadable: Int?
    let fingerprint: String
    let train: Int
    let validation: Int
    let test: Int
  }

  /// The machine that computed.
  struct Versions: Codable {
    var slate = Slate.version
    var swift = Versions.compiler
    let openblas: String
    var system = ProcessInfo.processInfo.operatingSystemVersionString

    /// The language version with which this program was built.
    private static let compiler: String = {
      #if compiler(>=6.4)
        "6.4 or later"
      #elseif compiler(>=6.3)
        "6.3"
      #elseif compiler(>=6.2)
        "6.2"
      #else
        "6.1"
      #endif
    }()
  }

  let seed: UInt64
  let workers: Int
  /// The number of processes that trained together; nil for a process alone.
  let ranks: Int?
  let configuration: RunConfiguration
  let data: Images
  let versions: Versions
  let machine: MachineRecord

  init(
    _ configuration: RunConfiguration, data: DataSource, images: any ImageDataset,
    fingerprint: String, machine: MachineRecord, ranks: Int = 1
  ) {
    seed = configuration.seed
    workers = Workers.count
    self.ranks = ranks > 1 ? ranks : nil
    self.configuration = configuration
    self.data = Images(
      description: images.description, path: data.path, absolutePath: data.absolutePath,
      scenes: data.scenes,
      centerCrop: data.centerCrop, limit: data.limit, maskIgnore: data.maskIgnore,
      exifOrientation: data.exifOrientation, maxUnreadable: data.maxUnreadable,
      fingerprint: fingerprint, train: images.count(of: .train),
      validation: images.count(of: .validation), test: images.count(of: .test))
    versions = Versions(openblas: machine.facts.openBLAS)
    self.machine = machine
  }

  /// The record as JSON, in snake case.
  func json() throws -> String { try snakeCaseJSON(self) }
}

/// A value as JSON, in snake case.
///
/// - Throws: `RunError` naming a number that JSON does not know, NaN or infinity.
func snakeCaseJSON(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.keyEncodingStrategy = .convertToSnakeCase
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  do {
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  } catch EncodingError.invalidValue(let number, let context) {
    throw RunError(
      path: "JSON",
      reason: "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' is \(number), "
        + "which JSON cannot express",
      remedy: "look for numbers of its run that are not finite or too large")
  }
}
