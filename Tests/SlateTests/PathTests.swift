import Foundation
import Images
import TestFolders
import Testing

/// Paths that are relative, empty, or hold spaces.
@Suite struct PathTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("a run's images are found from any folder")
  func relative() throws {
    try writeImages(20, folder, "here/images")
    let here = folder.url.appending(path: "here")
    let trained = try SlateProgram.run(
      SlateProgram.tinyTraining("--data", "images", "--steps", "2", out: "run"), in: here)
    #expect(trained.status == 0, "\(trained.errors)")
    let run = folder.path("here/run")
    let elsewhere = try SlateProgram.run(["evaluate", run], in: folder.url)
    #expect(elsewhere.status == 0, "\(elsewhere.errors)")
    #expect(elsewhere.output.contains("images of image folder"), "\(elsewhere.output)")
    // Another folder of the same name is not taken for it.
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "there"), withIntermediateDirectories: true)
    for index in 0..<20 {
      try FileManager.default.createDirectory(
        at: folder.url.appending(path: "there/images"), withIntermediateDirectories: true)
      try Image(width: 9, height: 9, color: SIMD3(1, 2, UInt8(index)))
        .write(to: folder.url.appending(path: "there/images/\(index).png"))
    }
    let resumed = try SlateProgram.run(
      ["train", "--resume", run, "--steps", "3", "--workers", "2"],
      in: folder.url.appending(path: "there"))
    #expect(resumed.status == 0 && !resumed.errors.contains("not the images"), "\(resumed.errors)")
    // A project that is moved whole keeps its images.
    try FileManager.default.moveItem(at: here, to: folder.url.appending(path: "moved"))
    let moved = try SlateProgram.run(
      ["train", "--resume", "run", "--steps", "4", "--workers", "2"],
      in: folder.url.appending(path: "moved"))
    #expect(moved.status == 0 && !moved.errors.contains("not the images"), "\(moved.errors)")
    let record = try String(contentsOfFile: folder.path("moved/run/run.json"), encoding: .utf8)
    #expect(record.contains("\"path\" : \"images\"") && record.contains("\"absolute_path\""))
  }

  @Test("a word that is empty is refused, wherever it stands")
  func empty() throws {
    try writeImages(10, folder, ".")
    for arguments in [
      ["train", "--data", "", "--steps", "1"], ["train", "--data=", "--steps", "1"],
      ["train", "--resume", ""], ["evaluate", ""], ["train", "--out", ""],
      ["plot", "", "--out", "x"],
      ["data", "inspect", ""],
    ] {
      let refused = try SlateProgram.run(arguments, in: folder.url)
      #expect(refused.status != 0 && refused.errors.contains("is empty"), "\(arguments)")
      #expect(!FileManager.default.fileExists(atPath: folder.path("runs")))
    }
  }

  @Test("negative numbers are values, and are refused by the rule that they break")
  func negative() throws {
    for (option, value) in [
      ("--lr-main", "-1"), ("--clip", "-.5"), ("--steps", "-5"), ("--seed", "-1"),
    ] {
      let refused = try SlateProgram.run("train", option, value, "--print-config")
      #expect(refused.status != 0 && refused.errors.contains(option), "\(refused.errors)")
      #expect(!refused.errors.contains("Missing") && !refused.errors.contains("Unknown"))
    }
  }

  @Test("printed commands can be given to a shell as they are")
  func quoting() throws {
    let run = folder.path("a run's folder")
    let outcome = try SlateProgram.shell(
      "timeout 2 \"$@\"", SlateProgram.tinyTraining("--steps", "1000000", out: run))
    let printed = try #require(
      outcome.output.firstMatch(of: /go on with: slate (.*)/), "\(outcome.output)")
    let resumed = try SlateProgram.shell("\"$1\" \(printed.output.1) --steps 0", [])
    #expect(resumed.output.contains("continued after step"), "\(resumed.errors)")
    let refused = try SlateProgram.trainTiny("--steps", "1", out: run)
    #expect(refused.errors.contains("--resume '"), "\(refused.errors)")
  }

  @Test("a file of PyTorch is called by its name, and the way to convert it is shown")
  func pyTorch() throws {
    for start in [
      [0x50, 0x4b, 3, 4, 0, 0, 8, 8, 0, 0], [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9],
    ]
      as [[UInt8]]
    {
      let url = folder.url.appending(path: "model.pt")
      try (Data(start) + Data(count: 500)).write(to: url)
      for arguments in [
        ["import", url.path], ["fid", "a", "b", "--inception", url.path],
      ] {
        let refused = try SlateProgram.run(arguments)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("ImportPublishedWeights.md"), "\(refused.errors)")
      }
    }
  }

  @Test("a name that is not UTF-8 is called so; folders above it serve")
  func otherEncodings() throws {
    try writeImages(8, folder, "above/d")
    let made = try SlateProgram.shell(
      "mv above/d $'above/d\\xe9' && cp $'above/d\\xe9/1000.png' $'above/x\\xe9.png'", [],
      in: folder.url)
    #expect(made.status == 0, "\(made.errors)")
    for script in [
      "data inspect $'above/d\\xe9'", "reconstruct run $'above/x\\xe9.png' --out o.png",
      "train --steps 1 --out $'r\\xe9'", "data inspect --sheet=$'\\xe9.png'",
    ] {
      let refused = try SlateProgram.shell("\"$1\" \(script)", [], in: folder.url)
      #expect(refused.status == 64, "\(refused.errors)")
      #expect(refused.errors.contains("\\xE9") && refused.errors.contains("is not UTF-8"))
      #expect(refused.errors.contains("give a folder above it"), "\(refused.errors)")
    }
    let seen = try SlateProgram.run(["data", "inspect", "above"], in: folder.url)
    #expect(seen.status == 0 && seen.output.contains("(9 of 9 looked at)"), "\(seen.errors)")
  }
}
