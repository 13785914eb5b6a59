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
  /// Whether the folder holds a run, which must not be overwritten.
  var holdsRun: Bool {
    [checkpoint, Checkpoint.previous(of: checkpoint)].contains {
      FileManager.default.fileExists(atPath: $0.path)
    }
  }
  /// Removes the measurements of the model, which is about to change.
  func removeScores() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    for name in names where name.wholeMatch(of: /scores(-\d+)?\.json/) != nil {
      try? FileManager.default.removeItem(at: url.appending(path: name))
    }
  }

  /// The file that the training process locks.
  var lock: URL { url.appending(path: "lock") }

  /// Writes a small file completely or, on failure, not at all.
  ///
  /// - Throws: `RunError` naming the file, for example when the disk is full.
  func write(_ text: String, to file: URL) throws {
    try writeAtomically(Data(text.utf8), to: file) { reason in
      RunError(
        path: file.path, reason: "it cannot be written (\(reason))",
        remedy: "free some space or check the permissions, then resume the run")
    }
  }
}

/// The error that a run cannot be started, read or written.
struct RunError: Error, CustomStringConvertible {
  let path: String
  let reason: String
  let remedy: String

  var description: String { "\(path): \(reason); \(remedy)" }
}
