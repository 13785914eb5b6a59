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
  /// Whether the folder holds a run that can be resumed.
  var holdsRun: Bool {
    [checkpoint, Checkpoint.previous(of: checkpoint)].contains {
      FileManager.default.fileExists(atPath: $0.path)
    }
  }

  /// Whether the folder holds what is left of a run without checkpoints: its measurements.
  var holdsMeasurements: Bool {
    ((try? FileManager.default.attributesOfItem(atPath: metrics.path)[.size]) as? Int ?? 0) > 0
  }

  /// Removes the measurements of the model: it, its configuration or its images are about to change.
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

/// Whether there is a folder at a path.
func isFolder(_ path: String) -> Bool {
  var isFolder: ObjCBool = false
  return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
}

/// Makes a folder for results, with those above it, unless it exists.
///
/// - Parameters:
///   - url: the folder.
///   - path: its name in errors.
/// - Throws: `RunError` where something else has that name, or the system refuses.
func makeFolder(_ url: URL, named path: String) throws {
  do {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  } catch {
    let isTaken = FileManager.default.fileExists(atPath: url.path)
    throw RunError(
      path: path,
      reason: "the folder cannot be made ("
        + (isTaken ? "a file has that name" : error.systemReason) + ")",
      remedy: isTaken
        ? "choose another --out"
        : "check that the folder above it exists and is writable, or choose another --out")
  }
}

/// The path of what a path leads to, from the root and through all links; if nothing is there, the
/// path from the root.
func resolvedPath(_ path: String) -> String {
  guard let found = realpath(path, nil) else { return URL(filePath: path).standardizedFileURL.path }
  defer { free(found) }
  return String(cString: found)
}

/// Paths of runs without those that lead to a run before them.
func eachRunOnce(_ paths: [String]) -> [String] {
  var seen: Set<String> = []
  return paths.filter { seen.insert(resolvedPath($0)).inserted }
}

/// The error that a run cannot be started, read or written.
struct RunError: Error, CustomStringConvertible {
  let path: String
  let reason: String
  let remedy: String

  var description: String { "\(path): \(reason); \(remedy)" }
}
