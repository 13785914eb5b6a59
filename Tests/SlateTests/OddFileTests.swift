import Foundation
import TestFolders
import Testing
import Training

@testable import slate

/// A FIFO, a device or a folder where a file is expected: nothing waits, and the message says what it is.
@Suite struct OddFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A run that was trained for a step, with a FIFO in place of one of its files.
  private func runWithFIFO(_ name: String) throws -> String {
    let run = folder.path("run")
    if !FileManager.default.fileExists(atPath: run) {
      #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    }
    let copy = folder.path("copy-\(UUID().uuidString)")
    try FileManager.default.copyItem(atPath: run, toPath: copy)
    try? FileManager.default.removeItem(atPath: copy + "/" + name)
    #expect(mkfifo(copy + "/" + name, 0o600) == 0)
    return copy
  }

  /// What ends within a minute, however many other tests run.
  private func run(_ arguments: [String]) throws -> SlateProgram.Outcome {
    try SlateProgram.shell("timeout 60 \"$@\"", arguments)
  }

  @Test(
    "a FIFO in a run's folder",
    arguments: [
      ("checkpoint.safetensors", ["evaluate"]), ("checkpoint.safetensors", ["train", "--resume"]),
      ("metrics.jsonl", ["table"]), ("metrics.jsonl", ["plot"]),
      ("metrics.jsonl", ["train", "--steps", "2", "--resume"]), ("config.json", ["table"]),
      ("run.json", ["table"]), ("scores.json", ["table"]), ("failure.txt", ["table"]),
    ])
  func inRuns(_ name: String, _ command: [String]) throws {
    let path = try runWithFIFO(name)
    let refused = try run(command + [path])
    #expect(refused.status == 1, "\(refused.status) \(refused.errors)")
    #expect(refused.errors.contains("\(name): it is a FIFO, not a file"), "\(refused.errors)")
  }

  @Test("a FIFO where files are written, or locked, does not hold anybody up")
  func writing() throws {
    let resume = ["train", "--steps", "2", "--workers", "2", "--resume"]
    let path = try runWithFIFO("checkpoint.safetensors.tmp")
    let trained = try run(resume + [path])
    #expect(trained.status == 0, "\(trained.status) \(trained.errors)")
    #expect(try run(["evaluate", path, "--images", "1"]).status == 0)
    let locked = try run(resume + [try runWithFIFO("lock")])
    #expect(locked.status == 1)
    #expect(
      locked.errors.contains("/lock: it is a FIFO, not a file; remove it"), "\(locked.errors)")
  }

  @Test(
    "a link in a run's folder does not lead writing elsewhere",
    arguments: [
      ("checkpoint.safetensors.tmp", nil), ("reconstructions.png", nil), ("config.json", nil),
      ("lock", "remove it"),
      ("metrics.jsonl", "put a copy in its place, or remove it, then resume the run"),
    ])
  func links(_ name: String, _ remedy: String?) throws {
    let (path, other) = (try runWithFIFO("x"), folder.path("other"))
    try Data("mine".utf8).write(to: URL(filePath: other))
    try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
    #expect(symlink(other, "\(path)/\(name)") == 0)
    let resumed = try run(["train", "--steps", "2", "--workers", "2", "--resume", path])
    #expect(try String(contentsOfFile: other, encoding: .utf8) == "mine")
    guard let remedy else { return #expect(resumed.status == 0, "\(resumed.errors)") }
    #expect(resumed.status == 1)
    #expect(
      resumed.errors.contains("/\(name): it is a link, not a file; \(remedy)"), "\(resumed.errors)")
  }

  @Test("FIFOs, devices and folders that are named")
  func named() throws {
    for name in ["a.npz", "a.safetensors", "a.json"] {
      #expect(mkfifo(folder.path(name), 0o600) == 0)
    }
    for (arguments, kind) in [
      (["import", "/dev/zero"], "device"), (["train", "--config", "/dev/zero"], "device"),
      (["fid", "a", "b", "--inception", "/dev/zero"], "device"),
      (["fid", folder.path("a.npz"), folder.path("a.npz")], "FIFO"),
      (["import", folder.path("a.safetensors")], "FIFO"),
      (["train", "--config", folder.path("a.json")], "FIFO"),
      (["import", folder.url.path], "folder"), (["train", "--config", folder.url.path], "folder"),
    ] {
      let refused = try run(arguments)
      #expect(refused.status == 1, "\(refused.status) \(refused.errors)")
      #expect(refused.errors.contains("it is a \(kind), not a file"), "\(refused.errors)")
    }
  }

  @Test("a FIFO in place of a list of scenarios")
  func lists() throws {
    for place in ["shapes/recordings/a", "shapes/splits/default"] {
      try FileManager.default.createDirectory(
        atPath: folder.path(place), withIntermediateDirectories: true)
    }
    #expect(mkfifo(folder.path("shapes/splits/default/train.txt"), 0o600) == 0)
    let refused = try run(["data", "inspect", folder.path("shapes")])
    #expect(refused.status == 1 && refused.errors.contains("it is a FIFO"), "\(refused.errors)")
  }

  @Test("the last step of a run is looked for in a file alone") func lastSteps() throws {
    let run = RunFolder(url: folder.url)
    #expect(lastStep(of: run) == nil)
    try Data("{\"step\": 41, \"x\": 1}\n{\"step\": 42, \"x\"".utf8).write(to: run.metrics)
    #expect(lastStep(of: run) == 41)
    // No run comes to a step with which nothing could be counted.
    let step = "{\"step\": 9223372036854775807, \"x\": 1}\n"
    try Data(("{\"step\": 40, \"x\": 1}\n" + step).utf8).write(to: run.metrics)
    #expect(lastStep(of: run) == 40)
    try FileManager.default.removeItem(at: run.metrics)
    #expect(mkfifo(run.metrics.path, 0o600) == 0)
    #expect(lastStep(of: run) == nil)
  }
}
