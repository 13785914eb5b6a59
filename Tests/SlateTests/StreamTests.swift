import Foundation
import TestFolders
import Testing
import Training

/// Standard streams that fail, or are not there.
@Suite struct StreamTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func expectWhole(_ run: String, steps: Int) throws {
    let metrics = try String(contentsOfFile: folder.path("\(run)/metrics.jsonl"), encoding: .utf8)
    #expect(metrics.split(separator: "\n").count { $0.contains("\"loss\"") } == steps)
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path(run), "--steps", "\(steps + 1)", "--workers", "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(resumed.output.contains("continued after step \(steps)"), "\(resumed.output)")
    #expect(try SlateProgram.run("plot", folder.path(run), "--out", folder.path("p")).status == 0)
  }

  @Test("an error does not command the terminal, and has an end")
  func controls() throws {
    let refused = try SlateProgram.run("evaluate", folder.path("\u{1b}[2J\u{9b}1m\u{7f}é"))
    #expect(refused.status == 1)
    #expect(refused.errors.contains(#"\u{1b}[2J\u{9b}1m\u{7f}é"#), "\(refused.errors)")
    // A tensor's name in place of another.
    let url = folder.url.appending(path: "long.safetensors")
    let name = String(repeating: "long", count: 100_000)
    let header = "{\"\(name)\":{\"dtype\":\"X\",\"shape\":[],\"data_offsets\":[0,0]}}"
    try (withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + header.utf8)
      .write(to: url)
    let long = try SlateProgram.run("import", url.path)
    #expect(long.status == 1 && long.errors.contains("long.safetensors"))
    #expect(long.errors.count < 20_000 && long.errors.hasSuffix("…\n"))
  }

  @Test(
    "no stream that fails ends a run",
    arguments: [
      "\"$@\" 2>/dev/full", "\"$@\" 2>&-", "\"$@\" >/dev/full", "\"$@\" >&- 2>&-",
      "\"$@\" <&- >&-", "\"$@\" <&- >&- 2>&-", "\"$@\" 2> >(true)",
    ])
  func training(_ script: String) throws {
    // A damaged file among 200 gives a warning; so does a picture that is passed over.
    try writeImages(200, folder, "images")
    let damaged = folder.url.appending(path: "images/1020.png")
    try Data(contentsOf: damaged).dropLast(20).write(to: damaged)
    let outcome = try SlateProgram.shell(
      script,
      SlateProgram.tinyTraining(
        "--steps", "60", "--val-every", "30", "--data", folder.path("images"),
        out: folder.path("run")))
    #expect(outcome.status == 0, "\(outcome.errors)")
    try expectWhole("run", steps: 60)
  }

  @Test("the note on a signal may fail too", arguments: ["2>/dev/full", "2>&-"])
  func signalled(_ redirection: String) throws {
    let outcome = try SlateProgram.shell(
      "timeout -s TERM 2 \"$@\" \(redirection)",
      SlateProgram.tinyTraining("--steps", "1000000", out: folder.path("run")))
    #expect(outcome.status == 124)
    #expect(outcome.output.contains("stopped after step"), "\(outcome.output)")
    let run = folder.path("run")
    #expect(try stepOfCheckpoint(run) == lastStep(run))
  }

  @Test("a reader that ends reading ends training, which saves")
  func head() throws {
    let outcome = try SlateProgram.shell(
      "\"$@\" | head -n 1; exit ${PIPESTATUS[0]}",
      SlateProgram.tinyTraining("--steps", "1000000", out: folder.path("run")))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let run = folder.path("run")
    #expect(try stepOfCheckpoint(run) == lastStep(run))
  }

  @Test("a result that cannot be printed is a failure")
  func results() throws {
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    for command in [
      ["evaluate", run], ["train", "--print-config"], ["data", "inspect"], ["--help"], ["help"],
      ["help", "train"], ["data", "inspect", "--help"], ["--version"], ["plot", "--version"],
      ["--generate-completion-script", "bash"],
    ] {
      let full = try SlateProgram.shell("\"$@\" >/dev/full", command)
      #expect(full.status == 1 && full.errors.contains("No space left on device"), "\(command)")
      #expect(full.errors.split(separator: "\n").count == 1, "\(full.errors)")
      let closed = try SlateProgram.shell("\"$@\" >&-", command)
      #expect(closed.status == 1 && closed.errors.contains("it is closed"), "\(closed.errors)")
      #expect(closed.errors.split(separator: "\n").count == 1, "\(closed.errors)")
      // A pipe that nobody reads from the beginning.
      let broken = try SlateProgram.shell(
        "p=$(mktemp -u); mkfifo $p; exec 3<>$p 4>$p 3<&-; rm $p; \"$@\" >&4 4>&-", command)
      #expect(broken.status == 128 + SIGPIPE && broken.errors.isEmpty, "\(broken.errors)")
    }
  }

  @Test("a message that cannot be printed leaves the status as it is")
  func messages() throws {
    for (command, status) in [(["train", "--steps", "no"], EX_USAGE), (["evaluate", "/no"], 1)] {
      let outcome = try SlateProgram.shell("\"$@\" 2>/dev/full", command)
      #expect(outcome.status == status && outcome.output.isEmpty, "\(command)")
    }
  }
}

/// The step that a run's checkpoint stands at.
func stepOfCheckpoint(_ run: String) throws -> Int {
  let file = try SafetensorsFile(contentsOf: URL(filePath: run + "/checkpoint.safetensors"))
  let state = try #require(file.metadata["run"])
  let words = try #require(state.firstMatch(of: /"step":(\d+)/), "\(state)")
  return try #require(Int(words.output.1))
}

/// The last step that a run has measured, 0 for none.
func lastStep(_ run: String) throws -> Int {
  let path = run + "/metrics.jsonl"
  guard FileManager.default.fileExists(atPath: path) else { return 0 }
  let metrics = try String(contentsOfFile: path, encoding: .utf8)
  return metrics.split(separator: "\n").last { $0.contains("\"loss\"") }
    .flatMap { $0.firstMatch(of: /"step": (\d+)/) }.flatMap { Int($0.output.1) } ?? 0
}
