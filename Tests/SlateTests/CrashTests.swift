import Foundation
import TestFolders
import Testing
import Training

/// Runs that are killed at any of the system calls by which they change their folder go on to the same
/// bits.
///
/// A share of the calls is tried; with SLATE_CRASHES=all in the environment, every one. The faults come
/// from a library that is preloaded (Fixtures/faults.c).
#if os(Linux)
  @Suite struct CrashTests {
    private let folder: TemporaryFolder
    private let library: String

    init() throws {
      folder = try TemporaryFolder()
      library = folder.path("faults.so")
      let source = try #require(
        Bundle.module.url(forResource: "faults", withExtension: "c", subdirectory: "Fixtures"))
      let compiled = try SlateProgram.shell(
        "\"$(command -v clang || command -v cc)\" -shared -fPIC -O1 -o \"$2\" \"$3\" -ldl",
        [library, source.path])
      try #require(compiled.status == 0, "\(compiled.errors)")
    }

    private func faulty(
      _ arguments: [String], _ faults: [String: String]
    ) throws -> SlateProgram.Outcome {
      let place = folder.url.resolvingSymlinksInPath().path
      return try SlateProgram.run(
        arguments,
        environment: faults.merging(["LD_PRELOAD": library, "FAULTS_FOLDER": place]) { $1 })
    }

    /// How many calls a program makes that runs to its end.
    private func calls(_ arguments: [String]) throws -> Int {
      let other = try TemporaryFolder()
      let count = other.url.appending(path: "count")
      let whole = try faulty(arguments, ["FAULTS_COUNT": count.path])
      #expect(whole.status == 0, "\(whole.errors)")
      let text = try String(contentsOf: count, encoding: .utf8)
      return try #require(Int(text.trimmed))
    }

    /// The calls at which to kill, the last ones among them.
    private func share(of calls: Int, about count: Int) -> [Int] {
      let all = ProcessInfo.processInfo.environment["SLATE_CRASHES"] == "all"
      return Array(stride(from: calls, to: 0, by: all ? -1 : -max(1, calls / count)))
    }

    private func path(_ run: String) -> String {
      folder.url.resolvingSymlinksInPath().appending(path: run).path
    }

    /// The arguments that go on with a run, whatever there is of it.
    private func continuation(of run: String, steps: Int) -> [String] {
      let checkpoint = URL(filePath: path(run) + "/checkpoint.safetensors")
      for file in [checkpoint, Checkpoint.previous(of: checkpoint)] where Checkpoint.isWhole(file) {
        return ["train", "--resume", file.path, "--steps", "\(steps)", "--workers", "2"]
      }
      return SlateProgram.tinyTraining(
        "--steps", "\(steps)", "--val-every", "2", out: path(run))
    }

    /// Goes on with a killed run, and expects what the whole one has.
    private func expectSame(_ run: String, as whole: String, steps: Int, _ call: Int) throws {
      let resumed = try SlateProgram.run(continuation(of: run, steps: steps))
      let what = "killed at call \(call), then: \(resumed.output)\(resumed.errors)"
      #expect(resumed.status == 0, "\(what)")
      // A run that somebody asks to end meanwhile does so without an error, and before its last step.
      #expect(resumed.output.contains("\nwrote \(path(run))"), "it was stopped; \(what)")
      let (own, expected) = (try folder.metrics(run), try folder.metrics(whole))
      let line = zip(own, expected).first { $0 != $1 }
      #expect(
        own == expected,
        "\(own.count) lines, not \(expected.count); \(String(describing: line)); \(what)")
      let tensors = (try folder.checkpointTensors(run), try folder.checkpointTensors(whole))
      let differing = zip(tensors.0, tensors.1).count { $0 != $1 }
      #expect(
        tensors.0 == tensors.1,
        "\(differing) of \(tensors.1.count) bytes differ; \(what)")
    }

    @Test func killedAtAnyCall() throws {
      let training = { SlateProgram.tinyTraining("--steps", "5", "--val-every", "2", out: $0) }
      let calls = try calls(training(path("whole")))
      #expect(calls > 60)
      for call in share(of: calls, about: 14) {
        let run = "run\(call)"
        let killed = try faulty(training(path(run)), ["FAULTS_KILL": "\(call)"])
        #expect(killed.status == SIGKILL, "call \(call): \(killed.errors)")
        try expectSame(run, as: "whole", steps: 5, call)
        try FileManager.default.removeItem(atPath: path(run))
      }
    }

    @Test(
      "going on from the checkpoint before a damaged or a whole one, killed at any call",
      arguments: [true, false])
    func killedInRecovery(isDamaged: Bool) throws {
      let first = try SlateProgram.run(
        SlateProgram.tinyTraining("--steps", "4", "--val-every", "2", out: path("first")))
      #expect(first.status == 0)
      let checkpoint = folder.url.appending(path: "first/checkpoint.safetensors")
      if isDamaged { try Data(contentsOf: checkpoint).prefix(9000).write(to: checkpoint) }
      let recovery = {
        [
          "train", "--resume", "\(path($0))/checkpoint.previous.safetensors", "--steps", "5",
          "--workers", "2",
        ]
      }
      try FileManager.default.copyItem(atPath: path("first"), toPath: path("whole"))
      let calls = try calls(recovery("whole"))
      for call in share(of: calls, about: 10) {
        let run = "run\(call)"
        try FileManager.default.copyItem(atPath: path("first"), toPath: path(run))
        let killed = try faulty(recovery(run), ["FAULTS_KILL": "\(call)"])
        #expect(killed.status == SIGKILL, "call \(call): \(killed.errors)")
        #expect(
          continuation(of: run, steps: 5).contains("--resume"),
          "nothing is whole after call \(call)")
        try expectSame(run, as: "whole", steps: 5, call)
        try FileManager.default.removeItem(atPath: path(run))
      }
    }

    @Test("where a file is another one at each look, nothing is written and nobody waits for ever")
    func unstableNumbers() throws {
      let outcome = try SlateProgram.shell(
        "timeout -k 1 60 \"$@\"", SlateProgram.tinyTraining("--steps", "3", out: path("run")),
        environment: [
          "LD_PRELOAD": library, "FAULTS_FOLDER": path(""), "FAULTS_INODES": "1",
        ])
      #expect(outcome.status == 1, "\(outcome.output)")
      #expect(
        outcome.errors.contains("checkpoint.safetensors: it cannot be written (Device or resource"),
        "\(outcome.errors)")
    }

    @Test("where the system gives no thread, a run needs none")
    func withoutThreads() throws {
      try writeImages(20, folder, "images")
      // The linear algebra library makes its threads before the program begins, and gives up itself.
      let outcome = try SlateProgram.shell(
        "timeout -k 1 60 \"$@\"",
        SlateProgram.tinyTraining(
          "--steps", "3", "--data", folder.path("images"), out: path("run")),
        environment: [
          "LD_PRELOAD": library, "FAULTS_NO_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("step 3/3"))
      // And without the setting there is a message, not a hang.
      let crowded = try SlateProgram.shell(
        "timeout -k 1 60 \"$@\"",
        SlateProgram.tinyTraining("--steps", "3", out: path("other")),
        environment: [
          "LD_PRELOAD": library, "FAULTS_NO_THREADS": "1", "OPENBLAS_NUM_THREADS": "2",
        ])
      #expect(crowded.status == 0 || crowded.errors.contains("pthread_create"))
      #expect(crowded.status != 124 && crowded.status != 137)
    }

    @Test(
      "limits of the process end in a result or in one line",
      arguments: [
        "ulimit -n 3", "ulimit -n 4", "ulimit -n 5", "ulimit -n 6", "ulimit -n 8",
        "ulimit -v 200000", "ulimit -v 300000", "ulimit -v 500000", "ulimit -v 700000",
      ])
    func limits(_ limit: String) throws {
      try expectOneLine(
        under: limit, SlateProgram.tinyTraining("--steps", "3", out: path("run")))
    }

    @Test(
      "limits of the process, where threads read images, end in a result or in one line",
      arguments: ["ulimit -n 5", "ulimit -n 6", "ulimit -n 7", "ulimit -n 8"])
    func limitsOfReading(_ limit: String) throws {
      try writeImages(40, folder, "images")
      try expectOneLine(
        under: limit,
        SlateProgram.tinyTraining(
          "--steps", "8", "--data", folder.path("images"), "--num-workers", "4",
          out: path("run")))
    }

    /// The linear algebra library makes a thread for each core before the program begins, and says in its own
    /// words where there is no memory for one.
    private static let fewThreads = ["OPENBLAS_NUM_THREADS": "2"]

    private func expectOneLine(under limit: String, _ arguments: [String]) throws {
      // The script's own redirections come before the limit.
      let outcome = try SlateProgram.shell(
        "exec 2>&1; \(limit) && exec timeout -k 1 60 \"$@\"", arguments,
        environment: Self.fewThreads)
      #expect(outcome.status != 124 && outcome.status != 137, "it hangs: \(outcome.output)")
      if outcome.status != 0 {
        let last = outcome.output.split(separator: "\n").last.map(String.init) ?? ""
        #expect(
          ["Too many open files", "out of memory", "cannot", "failed to map"].contains {
            last.contains($0)
          }, "\(outcome.status): \(outcome.output)")
      }
    }

    @Test("what needs no product needs no memory for one, and ends")
    func withoutProducts() throws {
      let outcome = try SlateProgram.shell(
        "ulimit -v 250000 && exec timeout -k 1 60 \"$@\"", ["--version"],
        environment: Self.fewThreads)
      #expect(
        outcome.status == 0 && !outcome.output.isEmpty, "\(outcome.status): \(outcome.errors)")
    }

    @Test("memory that is used up ends in one line")
    func memory() throws {
      let outcome = try SlateProgram.shell(
        "ulimit -v 1500000 && exec timeout -k 1 60 \"$@\"",
        [
          // Shares are taken image by image, so that one image has to be too large.
          "train", "--dvae-steps", "0", "--image-size", "128", "--vocab-size", "65536",
          "--batch-size", "2", "--val-images", "1", "--steps", "1", "--workers", "2",
          "--out", path("run"),
        ], environment: Self.fewThreads)
      #expect(outcome.status == 1)
      // Kernels that are chosen for another processor are warned of first.
      let lines = outcome.errors.split(separator: "\n")
        .filter { !$0.hasPrefix("warning: matrix products run") }
      #expect(lines.count == 1 && lines[0].hasPrefix("out of memory: "), "\(outcome.errors)")
    }
  }
#endif
