import Foundation
import Images
import TestFolders
import Testing

/// What the program says of words that it cannot use helps.
@Suite struct AdviceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "a value out of range is refused with the range",
    arguments: [
      ("--steps", "9223372036854775807", "between 0 and 1099511627776"),
      ("--probe-every", "-1", "between 0 and 1099511627776"),
      ("--lr-main", "inf", "a finite number, 0 or more"),
      ("--clip", "nan", "a finite number, 0 or more"),
      ("--epochs", "1000001", "between 1 and 1000000"),
      ("--gradient", "neumann:0", "neumann:TERMS, where TERMS is a whole number, 1 or more"),
      ("--gradient", "phantom:2:0", "RELAXATION above 0 and at most 1"),
      ("--gradient", "exact:1", "it is written exact"),
      ("--gradient", "guess", "it is one of implicit, unrolled"),
      ("--solver", "anderson:65", "DEPTH is a whole number between 1 and 64"),
      ("--solver", "iteration:2", "RELAXATION is above 0 and at most 1"),
      ("--solver", "paired:1", "RELAXATION is above 0 and below 1"),
    ])
  func ranges(_ option: String, _ value: String, _ rule: String) throws {
    let refused = try SlateProgram.trainTiny(option, value, out: folder.path("run"))
    #expect(refused.status != 0)
    #expect(refused.errors.contains(option) && refused.errors.contains(rule), "\(refused.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
  }

  @Test("the same in a file")
  func rangesOfFiles() throws {
    try Data("{\"solver\": \"anderson:65\"}".utf8).write(to: folder.url.appending(path: "c.json"))
    let refused = try SlateProgram.run("train", "--config", folder.path("c.json"))
    #expect(refused.errors.contains("'solver': 'anderson:65' is no solver"), "\(refused.errors)")
    #expect(refused.errors.contains("between 1 and 64"), "\(refused.errors)")
  }

  @Test("files and folders in each other's place")
  func kinds() throws {
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    let file = folder.path("file")
    try Data().write(to: URL(filePath: file))
    try writeImages(2, folder, "pics")
    let image = folder.path("pics/1000.png")
    for command in [
      ["train", "--steps", "1"], ["slots", run, image], ["plot", run],
      ["experiment", "complexity"],
    ] {
      let refused = try SlateProgram.run(command + ["--out", file])
      #expect(refused.status == 1, "\(command)")
      #expect(
        refused.errors.contains(
          "file: the folder cannot be made (a file has that name); choose another --out"),
        "\(command): \(refused.errors)")
    }
    let pictures = try SlateProgram.run(
      "reconstruct", run, folder.path("pics"), "--out", folder.path("seen.png"))
    #expect(pictures.status == 1 && !pictures.errors.contains("remove"), "\(pictures.errors)")
    #expect(pictures.errors.contains("it is a folder, not a file; give PNG or JPEG files"))
    let configuration = try SlateProgram.run("train", "--config", run)
    #expect(!configuration.errors.contains("remove"), "\(configuration.errors)")
    #expect(configuration.errors.contains("it is a folder, not a file; give a JSON file"))
  }

  @Test("options about files are not silently without effect on generated scenes")
  func unused() throws {
    for (command, options) in [
      (["data", "inspect"], ["--mask-ignore", "255"]),
      (["train", "--profile"] + tinyOptions, ["--center-crop", "20"]),
      (
        ["experiment", "datasets", "--steps", "2", "--seeds", "1", "--dry-run", "--out", "x"],
        ["--exif-orientation"]
      ),
    ] {
      let outcome = try SlateProgram.run(command + options, in: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let warning = "warning: \(options[0]): this is about files"
      #expect(outcome.errors.components(separatedBy: warning).count == 2, "\(outcome.errors)")
      let plain = try SlateProgram.run(command, in: folder.url)
      #expect(!plain.errors.contains("this is about files"), "\(plain.errors)")
    }
    try writeImages(10, folder, "pics")
    let files = try SlateProgram.run("data", "inspect", folder.path("pics"), "--mask-ignore", "1")
    #expect(files.status == 0 && files.errors.isEmpty, "\(files.errors)")
  }

  @Test("a tilde means the same to every command, and only the user's own folder")
  func tilde() throws {
    let home = folder.url.appending(path: "home")
    let work = folder.url.appending(path: "work")
    for place in [home, work] {
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    }
    func run(_ words: [String]) throws -> SlateProgram.Outcome {
      try SlateProgram.run(words, in: work, environment: ["HOME": home.path])
    }
    let trained = try SlateProgram.trainTiny("--steps", "1", out: folder.path("home/run"))
    #expect(trained.status == 0, "\(trained.errors)")
    for words in [["plot", "~/run", "--out=~/charts"], ["table", "~/run"]] {
      let outcome = try run(words)
      #expect(outcome.status == 0, "\(words): \(outcome.errors)")
    }
    #expect(FileManager.default.fileExists(atPath: folder.path("home/charts/mse.svg")))
    // The name of a user is a name like any other. Nothing is written, in case it is not.
    try writeImages(8, folder, "work/~root/~")
    for words in [["~root"], ["./~root/~"]] {
      let outcome = try run(["data", "inspect"] + words)
      #expect(outcome.output.contains("(8 of 8 looked at)"), "\(words): \(outcome.errors)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: work.path) == ["~root"])
  }
}
