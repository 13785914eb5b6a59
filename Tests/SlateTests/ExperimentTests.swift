import Foundation
import Images
import TestFolders
import Testing

/// `slate experiment` from end to end, on runs of a few steps.
@Suite struct ExperimentTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func experiment(_ name: String, _ options: String..., out: String) throws
    -> SlateProgram.Outcome
  {
    try SlateProgram.run(
      ["experiment", name, "--out", folder.path(out), "--images", "2"] + options)
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: folder.path(path), encoding: .utf8)
  }

  private func object(_ path: String) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(text(path).utf8)) as? [String: Any])
  }

  @Test("runs, table, charts, pictures; what is finished is not made again; more seeds are added")
  func everything() throws {
    let first = try experiment("datasets", "--steps", "3", "--seeds", "1", out: "all")
    #expect(first.status == 0, "\(first.errors)")
    // Both run at the same time: which one ends first is not said.
    #expect(first.output.contains("[2/2] plain scenes, "))
    #expect(first.output.contains("] plain scenes, implicit, seed 0: cross-entropy"))
    let before = try text("all/results.json")
    let checkpoint = "all/runs/plain-scenes-implicit-seed0/checkpoint.safetensors"
    let date = try modified(checkpoint)
    let again = try experiment("datasets", "--steps", "3", "--seeds", "1", out: "all")
    #expect(again.status == 0 && again.output.contains("2 runs, 2 finished already"))
    #expect(try text("all/results.json") == before)
    #expect(try modified(checkpoint) == date)

    let more = try experiment("datasets", "--steps", "3", "--seeds", "2", out: "all")
    #expect(more.status == 0 && more.output.contains("4 runs, 2 finished already"))
    let results = try object("all/results.json")
    let runs = try #require(results["runs"] as? [[String: Any]])
    #expect(runs.count == 4 && (results["seeds"] as? Int) == 2)
    let rows = try #require(results["table"] as? [[String: Any]])
    #expect(rows.compactMap { $0["runs"] as? Int } == [2, 2])
    #expect(rows.compactMap { $0["failed"] as? Int } == [0, 0])
    let quantities = try #require(rows[0]["quantities"] as? [String: [String: Any]])
    let entropy = try #require(quantities["val_cross_entropy"])
    let values = runs.filter { $0["arm"] as? String == "plain scenes, vanilla" }
      .compactMap { ($0["values"] as? [String: Double])?["val_cross_entropy"] }
    #expect(values.count == 2)
    #expect(abs((entropy["mean"] as? Double ?? 0) - (values[0] + values[1]) / 2) < 1e-9)
    #expect(
      abs((entropy["deviation"] as? Double ?? 0) - abs(values[0] - values[1]) / 2.0.squareRoot())
        < 1e-9)
    // What the machine decides stands apart.
    #expect(try !text("all/results.json").contains("seconds"))
    #expect(try text("all/times.json").contains("seconds_step"))

    let page = try text("all/report.md")
    for part in ["1659", "plain scenes, vanilla", "±", "pictures.png", "val-cross-entropy.svg"] {
      #expect(page.contains(part), "\(part)")
    }
    #expect(try text("all/val-cross-entropy.svg").contains("fill-opacity"))
    #expect(try Image(contentsOfFile: folder.path("all/pictures.png")).height > 5 * 96)
    // Each run is one like any other.
    let run = folder.path("all/runs/plain-scenes-vanilla-seed1")
    #expect(try SlateProgram.run("evaluate", run, "--images", "2").status == 0)
    let table = try SlateProgram.run(
      "table", run, folder.path("all/runs/plain-scenes-vanilla-seed0"), "--format", "csv")
    #expect(table.output.contains("all,val_cross_entropy,"), "\(table.errors)")
    // What is refused removes nothing.
    let scores = try modified("all/runs/plain-scenes-vanilla-seed1/scores.json")
    let refused = try experiment(
      "datasets", "--steps", "4", "--seeds", "2", "--images", "3", out: "all")
    #expect(refused.status == 1 && refused.errors.contains("another configuration"))
    #expect(try modified("all/runs/plain-scenes-vanilla-seed1/scores.json") == scores)
  }

  private func modified(_ path: String) throws -> Date? {
    try FileManager.default.attributesOfItem(atPath: folder.path(path))[.modificationDate] as? Date
  }

  @Test("interrupted by a signal, or killed, and given again: the same results")
  func interrupted() throws {
    let options = ["--steps", "12", "--seeds", "1", "--parallel", "1"]
    let whole = try SlateProgram.run(
      ["experiment", "datasets", "--images", "2", "--out", folder.path("whole")] + options)
    #expect(whole.status == 0, "\(whole.errors)")
    for (signal, parts) in [(SIGTERM, "asked"), (SIGKILL, "killed")] {
      try expectSame(
        parts, as: "whole", interruptedBy: signal,
        ["experiment", "datasets", "--images", "2"] + options)
    }
  }

  private func expectSame(
    _ parts: String, as whole: String, interruptedBy signal: Int32, _ arguments: [String]
  ) throws {
    let arguments = arguments + ["--out", folder.path(parts)]
    let process = try SlateProgram.start(arguments)
    let metrics = folder.path("\(parts)/runs/plain-scenes-vanilla-seed0/metrics.jsonl")
    func lines() -> Int {
      (try? String(contentsOfFile: metrics, encoding: .utf8))?.split(separator: "\n")
        .count { $0.contains("\"loss\"") } ?? 0
    }
    while process.isRunning && lines() < 4 { usleep(10_000) }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    if signal != SIGKILL {
      #expect(process.terminationReason == .exit && process.terminationStatus == 0)
      // The run itself has saved.
      #expect(try text("\(parts)/report.md").contains("2 of 2 runs are not made yet"))
    }
    #expect(lines() < 12)
    let resumed = try SlateProgram.run(arguments)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(try text("\(parts)/results.json") == text("\(whole)/results.json"))
    #expect(
      try Data(contentsOf: folder.url.appending(path: "\(parts)/pictures.png"))
        == Data(contentsOf: folder.url.appending(path: "\(whole)/pictures.png")))
  }

  @Test("a run that fails is counted and named, and is tried again")
  func failedRun() throws {
    let options = ["--steps", "2", "--seeds", "1"]
    func make() throws -> SlateProgram.Outcome {
      try SlateProgram.run(
        ["experiment", "datasets", "--images", "2", "--out", folder.path("some")] + options)
    }
    #expect(try make().status == 0)
    let run = "some/runs/plain-scenes-implicit-seed0"
    try FileManager.default.removeItem(atPath: folder.path("\(run)/scores.json"))
    for name in ["checkpoint.safetensors", "checkpoint.previous.safetensors"] {
      try Data("nonsense".utf8).write(to: folder.url.appending(path: "\(run)/\(name)"))
    }
    let damaged = try make()
    #expect(damaged.status == 0 && damaged.errors.contains("1 of 2 runs failed"))
    #expect(damaged.output.contains("plain scenes, implicit, seed 0 failed: "))
    let page = try text("some/report.md")
    #expect(page.contains("## Failed runs") && page.contains("checkpoint.safetensors"), "\(page)")
    let rows = try #require(try object("some/results.json")["table"] as? [[String: Any]])
    #expect(rows.compactMap { $0["failed"] as? Int } == [0, 1])
    #expect((rows[1]["quantities"] as? [String: Any])?.isEmpty == true)

    // A lock that cannot be taken is a failure, not something to wait for.
    try FileManager.default.removeItem(atPath: folder.path(run))
    try FileManager.default.createDirectory(
      atPath: folder.path("\(run)/lock"), withIntermediateDirectories: true)
    let locked = try make()
    #expect(locked.status == 0 && locked.errors.contains("1 of 2 runs failed"))
    #expect(locked.output.contains("lock: it is a folder, not a file"), "\(locked.output)")

    try FileManager.default.removeItem(atPath: folder.path(run))
    #expect(try make().status == 0)
    #expect(try !text("some/report.md").contains("Failed runs"))
  }

  @Test("where every run fails, so does the experiment")
  func everyRunFails() throws {
    try writeImages(5, folder, "few")
    let outcome = try experiment(
      "solvers", "--steps", "2", "--seeds", "1", "--data", folder.path("few"), out: "none")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("every run failed") && outcome.errors.contains("fewer than a batch"),
      "\(outcome.errors)")
    #expect(try text("none/report.md").contains("| 1 | 1 |"))
  }

  @Test("what cannot be done is said before anything is")
  func refusals() throws {
    #expect(try experiment("complexity", "--seeds", "1", out: "costs").status == 0)
    func expectRefused(
      _ outcome: SlateProgram.Outcome, _ texts: String..., status: Int32 = 64
    ) {
      #expect(outcome.status == status, "\(outcome.output)")
      for text in texts { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
    }
    expectRefused(
      try experiment("magic", out: "x"), "no experiment 'magic'",
      "complexity, solvers, tricks, iterations, datasets, estimators")
    expectRefused(
      try experiment("solvers", "--data", "a", "b", out: "x"), "2 sets", "datasets")
    expectRefused(try experiment("solvers", "--seeds", "0", out: "x"), "--seeds 0")
    expectRefused(
      try experiment("solvers", "--inception", "w.safetensors", out: "x"), "measures no FID")
    expectRefused(
      try experiment("solvers", out: "costs"), "experiment 'complexity'", "choose another --out",
      status: 1)
    expectRefused(
      try experiment("complexity", "--seeds", "1", "--steps", "7", out: "costs"),
      "another configuration: steps is 2000, and would now be 7", status: 1)
    expectRefused(
      try experiment("complexity", "--limit", "30", out: "costs"), "other images", status: 1)
    #expect(
      try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")).status == 0)
    expectRefused(try experiment("solvers", out: "run"), "holds a run", status: 1)
    #expect(!FileManager.default.fileExists(atPath: folder.path("x")))
  }

  @Test("time and memory: constant backward where the gradient is implicit")
  func complexity() throws {
    let outcome = try experiment("complexity", "--seeds", "2", out: "costs")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let results = try object("costs/results.json")
    let slopes = try #require(results["slopes"] as? [[String: Any]])
    func slope(_ group: String, _ quantity: String) throws -> Double {
      let found = try #require(
        slopes.first { $0["group"] as? String == group && $0["quantity"] as? String == quantity })
      return try #require((found["fit"] as? [String: Any])?["slope"] as? Double)
    }
    // Kilobytes an iteration: the tape of one application, or next to nothing.
    #expect(try slope("vanilla", "tape_kb") > 100)
    #expect(try abs(slope("implicit", "tape_kb")) < 2)
    #expect(try abs(slope("implicit", "peak_kb")) < 2)
    #expect(try text("costs/report.md").contains("backward-ms-by-iterations.svg"))
    #expect(try !text("costs/results.json").contains("_ms\""))
  }

  @Test("a dry run says what would be done, and does nothing")
  func dryRun() throws {
    let outcome = try experiment(
      "iterations", "--steps", "50", "--seeds", "2", "--dry-run", out: "dry")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("24 runs"))
    #expect(outcome.output.contains("vanilla, n = 11: 2 runs, 100 steps of"))
    #expect(outcome.output.contains("for the training steps"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("dry")))
  }

  @Test("every experiment is named by help")
  func help() throws {
    let text = try SlateProgram.run("help", "experiment").output
    for name in ["complexity", "solvers", "tricks", "iterations", "datasets", "estimators"] {
      #expect(text.contains("\(name): "), "\(name)")
    }
  }
}
