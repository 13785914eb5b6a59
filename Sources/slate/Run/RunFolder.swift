import Foundation

/// The folder of a training run: checkpoint, metrics, configuration and pictures.
struct RunFolder {
  let url: URL

  var checkpoint: URL { url.appending(path: "checkpoint.safetensors") }
  var metrics: URL { url.appending(path: "metrics.jsonl") }
  var configuration: URL { url.appending(path: "config.json") }
  var record: URL { url.appending(path: "run.json") }
  var reconstructions: URL { url.appending(path: "reconstructions.png") }

  /// Makes the folder for a new run.
  ///
  /// - Throws: `RunError` when it cannot be written, or already holds a run.
  static func create(at path: String) throws -> RunFolder {
    let folder = RunFolder(url: URL(filePath: path, directoryHint: .isDirectory))
    if FileManager.default.fileExists(atPath: folder.checkpoint.path) {
      throw RunError(
        path: path, reason: "it already holds a run",
        remedy: "continue it with --resume \(path), or choose another --out")
    }
    do {
      try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
    } catch {
      throw RunError(
        path: path, reason: "the folder cannot be made (\(error.localizedDescription))",
        remedy: "check that the folder above it exists and is writable")
    }
    guard FileManager.default.isWritableFile(atPath: folder.url.path) else {
      throw RunError(
        path: path, reason: "the folder is not writable",
        remedy: "change its permissions or choose another --out")
    }
    return folder
  }

  /// Writes a small file, whole or not at all.
  ///
  /// - Throws: `RunError` naming the file, for example when the disk is full.
  func write(_ text: String, to file: URL) throws {
    do {
      try text.write(to: file, atomically: true, encoding: .utf8)
    } catch {
      throw RunError(
        path: file.path, reason: "it cannot be written (\(error.localizedDescription))",
        remedy: "free some space or check the permissions, then resume the run")
    }
  }

  /// The first folder of runs/slate-001, runs/slate-002 and so on that does not exist.
  static func nextFree() -> String {
    var number = 1
    while true {
      let path =
        "runs/slate-" + String(repeating: "0", count: max(0, 3 - String(number).count))
        + String(number)
      if !FileManager.default.fileExists(atPath: path) { return path }
      number += 1
    }
  }
}

/// A run that cannot be started, read or written.
struct RunError: Error, CustomStringConvertible {
  let path: String
  let reason: String
  let remedy: String

  var description: String { "\(path): \(reason); \(remedy)" }
}
