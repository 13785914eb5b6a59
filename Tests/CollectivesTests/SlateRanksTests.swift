#if MPI
  import Foundation
  import TestFolders
  import Testing

  /// `slate train` and `slate evaluate` under the launcher of MPI.
  @Suite(.oneJobAtATime) struct SlateRanksTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private static let tiny =
      ["train"] + tinyOptions + [
        "--batch-size", "32", "--val-images", "20", "--limit", "400", "--seed", "1",
      ]

    /// A model that stays what it is, so that losses are those of the images of a step alone: what sums in another
    /// order change in their last digits is not learned from.
    private static let standing = ["--lr-dvae", "1e-12", "--lr-main", "1e-12"]

    @discardableResult private func train(
      _ ranks: Int, _ arguments: [String], status: Int32? = 0
    ) throws -> Launched.Outcome {
      let outcome = try Launched(ranks, "slate", SlateRanksTests.tiny + arguments, in: folder.url)
        .wait()
      if let status { #expect(outcome.status == status, "\(outcome.output)\n\(outcome.errors)") }
      return outcome
    }

    /// The numbers of a run under a name, by step.
    private func numbers(_ run: String, _ name: String = "loss") throws -> [Int: Double] {
      let text = try String(
        contentsOf: folder.url.appending(path: "\(run)/metrics.jsonl"), encoding: .utf8)
      var found: [Int: Double] = [:]
      for line in text.split(separator: "\n") {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        if let step = object?["step"] as? Int, let value = object?[name] as? Double {
          #expect(found[step] == nil, "\(run) has step \(step) twice")
          found[step] = value
        }
      }
      return found
    }

    private func largestDifference(_ a: [Int: Double], _ b: [Int: Double]) -> Double {
      guard a.keys.sorted() == b.keys.sorted(), !a.isEmpty else { return .infinity }
      return a.map { abs($1 - (b[$0] ?? .nan)) / abs($1) }.max() ?? .nan
    }

    @Test("ranks follow the path of one process, and with equal parts bit by bit")
    func onePath() throws {
      let steps = ["--steps", "50", "--val-every", "25"]
      try train(0, steps + ["--workers", "1", "--out", "one"])
      try train(0, steps + ["--workers", "2", "--out", "workers"])
      try train(2, steps + ["--workers", "1", "--out", "ranks"])
      try train(4, steps + ["--workers", "1", "--out", "four"])
      let losses = try numbers("one")
      #expect(losses.count == 50)
      // Sums in another order differ in their last digits. Sooner or later that makes another token of one that
      // is nearly as likely, which a loss of 512 tokens notices.
      for run in ["ranks", "four"] {
        let found = try numbers(run)
        for (steps, bound) in [(3, 1e-4), (50, 5e-2)] {
          let difference = largestDifference(
            losses.filter { $0.key <= steps }, found.filter { $0.key <= steps })
          #expect(difference < bound, "\(run), \(steps) steps: \(difference)")
        }
      }
      #expect(try numbers("ranks") == numbers("workers"))
      #expect(try folder.checkpointTensors("ranks") == folder.checkpointTensors("workers"))
      for name in ["val_cross_entropy", "val_mse_hard", "gradient_norm", "tau", "lr_main"] {
        #expect(try numbers("ranks", name) == numbers("workers", name), "\(name)")
      }
      // What is measured does not depend on who measures it.
      let alone = try Launched.run(
        0, "slate", "evaluate", "one", "--images", "37", "--split", "test", "--json",
        in: folder.url)
      for ranks in [2, 3] {
        let shared = try Launched.run(
          ranks, "slate", "evaluate", "one", "--images", "37", "--split", "test", "--json",
          in: folder.url)
        #expect(alone.output == shared.output && !alone.output.isEmpty, "\(shared.errors)")
      }
    }

    @Test("a run goes on with another number of ranks, with no image twice or left out")
    func otherRanks() throws {
      // Epochs of 12 batches; the run is interrupted in the second and goes on into the third.
      let options = SlateRanksTests.standing + ["--val-every", "15", "--workers", "1"]
      try train(0, options + ["--steps", "30", "--out", "whole"])
      try train(2, options + ["--steps", "15", "--out", "parts"])
      for (ranks, steps) in [(0, 20), (4, 24), (3, 30)] {
        try train(
          ranks,
          ["--resume", "parts", "--steps", "\(steps)", "--val-every", "15", "--workers", "1"])
      }
      let difference = largestDifference(try numbers("whole"), try numbers("parts"))
      #expect(difference < 1e-4, "\(difference)")
      // With equal parts bit by bit: two workers, then two ranks.
      try train(0, ["--steps", "20", "--val-every", "9", "--workers", "2", "--out", "a"])
      try train(0, ["--steps", "9", "--val-every", "9", "--workers", "2", "--out", "b"])
      try train(2, ["--resume", "b", "--steps", "20", "--val-every", "9", "--workers", "1"])
      #expect(try folder.checkpointTensors("a") == folder.checkpointTensors("b"))
      #expect(try numbers("a") == numbers("b"))
      // Ranks that read different checkpoints do not measure a mixture of them.
      let program = builtPrograms.appending(path: "slate").path
      let mixed = try Launched.run(
        1, "slate", "evaluate", "whole", ":", "-n", "1", program, "evaluate", "a", in: folder.url)
      #expect(mixed.status != 0 && !mixed.output.contains("cross_entropy"))
      #expect(mixed.errors.contains("the step or the configuration of"), "\(mixed.errors)")
    }

    @Test("an image that cannot be read is passed over by all ranks, or ends all")
    func unreadable() throws {
      let made = try Launched.run(
        0, "slate", "data", "inspect", "--sheet", "s.png", "--image-size", "16", in: folder.url)
      #expect(made.status == 0, "\(made.errors)")
      let images = folder.url.appending(path: "images")
      try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
      let sheet = try Data(contentsOf: folder.url.appending(path: "s.png"))
      for number in 0..<60 {
        try sheet.write(to: images.appending(path: "\(100 + number).png"))
      }
      try Data("none".utf8).write(to: images.appending(path: "117.png"))
      let options =
        SlateRanksTests.standing
        + ["--data", "images", "--steps", "6", "--batch-size", "8", "--workers", "1"]
      // Whatever part the damaged image is in, it is either passed over by all or an error of all.
      try train(2, options + ["--max-unreadable", "1", "--out", "some"])
      try train(0, options + ["--max-unreadable", "1", "--out", "one"])
      #expect(largestDifference(try numbers("one"), try numbers("some")) < 1e-4)
      let refused = try train(2, options + ["--max-unreadable", "0", "--out", "none"], status: nil)
      #expect(refused.status != 0 && refused.seconds < 30)
      #expect(refused.errors.contains("117.png"), "\(refused.errors)")
    }

    @Test("SIGTERM to the launcher saves")
    func termination() throws {
      let job = try Launched(
        2, "slate",
        SlateRanksTests.tiny + [
          "--steps", "1000000", "--val-every", "1000000", "--workers", "1", "--out", "run",
        ], in: folder.url)
      defer { job.end() }
      try awaitSteps(20, "run")
      let signal = ContinuousClock.now
      job.process.terminate()
      _ = try job.wait()
      #expect(signal.duration(to: .now) < .seconds(60))
      let saved = try numbers("run").keys.max() ?? 0
      let resumed = try train(
        2,
        ["--resume", "run", "--steps", "\(saved + 2)", "--val-every", "1000000", "--workers", "1"])
      // Saved where the signal came, not at the beginning.
      #expect(resumed.output.contains("continued after step \(saved)"), "\(resumed.output)")
    }

    @Test("a rank that is killed ends the job within 30 s, and the run resumes")
    func kills() throws {
      let count = ProcessInfo.processInfo.environment["SLATE_CRASHES"] == "all" ? 10 : 2
      var steps = 0
      try train(0, ["--steps", "1", "--val-every", "5", "--workers", "1", "--out", "run"])
      for number in 0..<count {
        let job = try Launched(
          2, "slate",
          SlateRanksTests.tiny + [
            "--resume", "run", "--steps", "1000000", "--val-every", "5", "--workers", "1",
          ], in: folder.url)
        defer { job.end() }
        try awaitSteps(steps + 12, "run")
        Thread.sleep(forTimeInterval: Double.random(in: 0..<0.5))
        let ranks = job.ranks(of: "slate")
        try #require(ranks.count == 2)
        let start = ContinuousClock.now
        kill(ranks[number % 2], SIGKILL)
        let outcome = try job.wait()
        let seconds = start.duration(to: .now) / .seconds(1)
        #expect(outcome.status != 0 && seconds < 30, "\(outcome.status) after \(seconds) s")
        // Open MPI's launcher says it on standard error, MPICH's on standard output.
        let told = outcome.errors + outcome.output
        #expect(told.contains("signal 9"), "\(told)")
        print("a rank was killed: the job ended after \(seconds) s with \(outcome.status)")
        steps = try numbers("run").keys.max() ?? 0
      }
      // The checkpoint is at most 5 steps behind what was logged.
      let end = steps + 3
      let resumed = try train(
        2, ["--resume", "run", "--steps", "\(end)", "--val-every", "5", "--workers", "1"])
      let first = resumed.output.firstMatch(of: /continued after step (\d+)/).flatMap { Int($0.1) }
      #expect(try #require(first) >= steps - 5)
      #expect(try numbers("run").keys.sorted() == Array(1...end))
    }

    @Test("what only one process does is refused, and so are more ranks than images in a batch")
    func refusals() throws {
      let data = try Launched.run(2, "slate", "data", "inspect", in: folder.url)
      #expect(data.status != 0 && data.errors.contains("started it 2 times"), "\(data.errors)")
      let few = try train(
        3, ["--batch-size", "2", "--workers", "1", "--steps", "1", "--out", "few"], status: nil)
      #expect(few.status != 0 && few.errors.contains("3 ranks cannot share"), "\(few.errors)")
    }

    @Test("the doctor says what ranks and workers there are")
    func doctor() throws {
      let alone = try Launched.run(0, "slate", "doctor", in: folder.url)
      #expect(alone.status == 0 && alone.output.contains("MPI"), "\(alone.errors)")
      #expect(alone.output.contains(/ranks +1\n/))
      let ranks = try Launched.run(4, "slate", "doctor", in: folder.url)
      #expect(ranks.status == 0 && ranks.output.contains(/ranks +4\n/), "\(ranks.errors)")
      #expect(ranks.output.firstRange(of: "processor ") != nil)
    }

    /// Returns when a run has logged a number of steps.
    private func awaitSteps(_ count: Int, _ run: String) throws {
      let file = folder.url.appending(path: "\(run)/metrics.jsonl")
      for _ in 0..<1200 {
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        if text.contains("{\"step\": \(count),") { return }
        Thread.sleep(forTimeInterval: 0.1)
      }
      Issue.record("no step \(count) in 120 s")
    }
  }
#endif
