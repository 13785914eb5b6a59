import Foundation
import Images
import ObjectCentric
import TestFolders
import Testing

/// Images that cannot be read, numbers that are not finite, and disks that are full.
@Suite struct DamagedFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A JPEG file of 20 x 18 pixels.
  private var photograph: Data {
    get throws {
      try Data(
        contentsOf: #require(
          Bundle.module.url(
            forResource: "gradient", withExtension: "jpg", subdirectory: "Fixtures")))
    }
  }

  @Test("a part of which nothing can be read")
  func nothingLeft() throws {
    try writeImages(8, folder, "images")
    // One image of eight is for validation.
    try Data("x".utf8).write(to: folder.url.appending(path: "images/1005.png"))
    let refused = try SlateProgram.trainTiny(
      "--data", folder.path("images"), "--steps", "1", "--max-unreadable", "5",
      out: folder.path("run"))
    #expect(refused.status == 1)
    #expect(refused.errors.contains("validation part has no image"), "\(refused.errors)")
  }

  @Test(
    "one damaged file among 200 is passed over and named, in every part",
    arguments: [
      ("1100.png", Split.train), ("1145.png", .validation), ("1180.png", .test),
      ("1145.jpg", .validation),
    ])
  func oneInTwoHundred(_ name: String, _ part: Split) throws {
    try writeImages(200, folder, "images")
    let url = folder.url.appending(path: "images/\(name)")
    if url.pathExtension == "jpg" { try photograph.write(to: url) }
    try Data(contentsOf: url).dropLast(20).write(to: url)
    let trained = try SlateProgram.trainTiny(
      "--data", folder.path("images"), "--epochs", "1", "--batch-size", "20", "--val-images",
      "100", out: folder.path("run"))
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(trained.output.contains("step 7/7") || part == .train)
    // Training does not look at the test part; evaluation does.
    let evaluated = try SlateProgram.run("evaluate", folder.path("run"), "--split", "test")
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    let warnings = part == .test ? evaluated.errors : trained.errors
    #expect(warnings.contains("warning: skipped \(url.path)"), "\(warnings)")
  }

  @Test("a damaged file is an error at once where there are few, and wherever it is")
  func fewImages() throws {
    try writeImages(20, folder, "images")
    for name in ["1002.png", "1015.png"] {
      let url = folder.url.appending(path: "images/\(name)")
      let whole = try Data(contentsOf: url)
      try whole.dropLast(20).write(to: url)
      let refused = try SlateProgram.trainTiny(
        "--data", folder.path("images"), "--steps", "9", out: folder.path("run"))
      #expect(refused.status != 0)
      #expect(refused.errors.contains(name), "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
      let allowed = try SlateProgram.trainTiny(
        "--data", folder.path("images"), "--steps", "1", "--max-unreadable", "1",
        out: folder.path("run-\(name)"))
      #expect(allowed.status == 0, "\(allowed.errors)")
      try whole.write(to: url)
    }
  }

  @Test(
    "training that diverges stops, names a tensor and keeps the last checkpoint",
    arguments: [
      ["--lr-main", "1e30"], ["--lr-dvae", "1e39"], ["--lr-main", "1e39", "--gradient", "exact"],
    ])
  func divergence(_ options: [String]) throws {
    let trained = try SlateProgram.trainTiny(
      options + ["--steps", "9", "--clip", "0", "--lr-warmup-steps", "0"], out: folder.path("run"))
    #expect(trained.status != 0)
    let names = try #require(trained.errors.firstRange(of: "is not finite"), "\(trained.errors)")
    let message = trained.errors[..<names.lowerBound]
    let prefix = options[0] == "--lr-dvae" ? "dvae." : "."
    #expect(message.contains("step ") && message.contains(prefix), "\(trained.errors)")
    #expect(trained.errors.contains("--lr-main"))
    let evaluated = try SlateProgram.run("evaluate", folder.path("run"), "--json")
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    #expect(!evaluated.output.contains("null"))
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("run"), "--lr-main", "1e-4", "--lr-dvae", "1e-4", "--steps",
      "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
  }

  @Test("a checkpoint that does not fit on the disk leaves the old one whole")
  func fullDisk() throws {
    #expect(try SlateProgram.trainTiny("--steps", "2", out: folder.path("run")).status == 0)
    let url = folder.url.appending(path: "run/checkpoint.safetensors")
    let whole = try Data(contentsOf: url)
    // The limit counts 512 or 1024 bytes, depending on the shell: 100 of them are too few either way.
    let full = try SlateProgram.runLimited(
      toBlocks: 100, "train", "--resume", folder.path("run"), "--steps", "4")
    #expect(full.status == 1)
    #expect(
      full.errors.contains(url.path) && full.errors.contains("free some space"), "\(full.errors)")
    #expect(try Data(contentsOf: url) == whole)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
    #expect(left.filter { $0.hasPrefix("checkpoint") }.count <= 2, "\(left)")
    let resumed = try SlateProgram.run("train", "--resume", folder.path("run"), "--steps", "4")
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(resumed.output.contains("continued after step 2"))
  }

  @Test("other files that do not fit on the disk are errors that name them")
  func fullDiskElsewhere() throws {
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "2", out: run).status == 0)
    let plots = try SlateProgram.runLimited(
      toBlocks: 1, "plot", run, "--out", folder.path("plots"))
    #expect(plots.status == 1 && plots.errors.contains("plots/"), "\(plots.errors)")
    let imported = try SlateProgram.runLimited(
      toBlocks: 1, "import", run + "/checkpoint.safetensors", "--out", folder.path("imported"))
    #expect(imported.status == 1, "\(imported.errors)")
    #expect(imported.errors.contains("imported/checkpoint.safetensors"), "\(imported.errors)")
  }
}
