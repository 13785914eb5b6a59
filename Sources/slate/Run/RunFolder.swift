import Foundation
import Training

/// The folder of a training run: checkpoint, metrics, configuration and pictures.
struct RunFolder {
  let url: URL

  var checkpoint: URL { url.appending(path: "checkpoint.safetensors") }
  var metrics: URL { url.appending(path: "metrics.jsonl") }
  var configuration: URL { url.appending(path: "config.json") }
  var record: URL { url.appending(path: "run.json") }
  var reconstructions: URL { url.appending(path: "reconstructions.png") }
  /// What the process that trains holds a lock on.
  var lock: URL { url.appending(path: "lock") }

  /// Writes a small file, whole or not at all.
  ///
  /// - Throws: `RunError` naming the file, for example when the disk is full.
  func write(_ text: String, to file: URL) throws {
    do {
      try text.write(to: file, atomically: true, encoding: .utf8)
    } catch {
      throw RunError(
        path: file.path, reason: "it cannot be written (\(error.systemReason))",
        remedy: "free some space or check the permissions, then resume the run")
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
