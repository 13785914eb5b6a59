import Foundation
import Images
import TestFolders
import Testing

/// Image files as they are found, seen through the commands that read them.
@Suite struct ImageFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The fixtures of the decoder.
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "ImagesTests/Fixtures")

  private func files(_ name: String) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(
      at: Self.fixtures.appending(path: name), includingPropertiesForKeys: nil
    ).filter { ["jpg", "png"].contains($0.pathExtension) }
  }

  private func copy(_ files: [URL], to place: String) throws {
    let target = folder.url.appending(path: place)
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    for file in files {
      try FileManager.default.copyItem(
        at: file, to: target.appending(path: file.lastPathComponent))
    }
  }

  @Test("inspecting a folder of whole and damaged files decides each rightly")
  func inspection() throws {
    let (whole, damaged) = (try files("whole") + files("oriented"), try files("damaged"))
    #expect(whole.count > 50 && damaged.count > 20)
    try copy(whole, to: "all/whole")
    try copy(damaged, to: "all/damaged")
    let outcome = try SlateProgram.run(
      "data", "inspect", folder.path("all"), "--sheet", folder.path("sheet.png"),
      "--max-unreadable", "\(damaged.count)")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let named = outcome.output.split(separator: "\n").filter { $0.hasPrefix("unreadable: ") }
    #expect(named.count == damaged.count)
    for file in damaged {
      #expect(named.contains { $0.contains("/damaged/\(file.lastPathComponent): ") }, "\(file)")
    }
    #expect(outcome.output.contains("(43 of \(whole.count + damaged.count) looked at)"))
    let strict = try SlateProgram.run("data", "inspect", folder.path("all"))
    #expect(strict.status != 0 && strict.errors.contains("--max-unreadable"))
    #expect(strict.errors.contains("\(damaged.count) images cannot be read"))
  }

  @Test("a run remembers what may be unreadable, and errors name the option")
  func unreadableImages() throws {
    try writeImages(20, folder, "images")
    for name in ["1003.png", "1015.png", "1018.png"] {
      try Data("x".utf8).write(to: folder.url.appending(path: "images/\(name)"))
    }
    let (data, run) = (folder.path("images"), folder.path("run"))
    func refuses(_ outcome: SlateProgram.Outcome) -> Bool {
      outcome.status != 0 && outcome.errors.contains("10") && outcome.errors.contains(".png: ")
        && outcome.errors.contains("--max-unreadable")
    }
    #expect(try refuses(SlateProgram.trainTiny("--data", data, "--steps", "2", out: run)))
    let trained = try SlateProgram.trainTiny(
      "--data", data, "--steps", "2", "--max-unreadable", "1", out: run)
    #expect(trained.status == 0, "\(trained.errors)")
    for command in [
      ["evaluate", run],
      [
        "compare", run, "--images", "3", "--repeats", "0", "--tolerance", "0.9", "--out",
        folder.path("comparison"),
      ], ["train", "--resume", run, "--steps", "3"],
    ] {
      let outcome = try SlateProgram.run(command)
      #expect(outcome.status == 0, "\(command): \(outcome.errors)")
      #expect(outcome.errors.contains("skipped"))
      #expect(try refuses(SlateProgram.run(command + ["--max-unreadable", "0"])), "\(command)")
    }
    let good = folder.path("images/1001.png")
    let pictures = [
      "reconstruct", run, good, folder.path("images/1003.png"), "--out",
      folder.path("seen.png"),
    ]
    #expect(try refuses(SlateProgram.run(pictures)))
    #expect(try SlateProgram.run(pictures + ["--max-unreadable", "1"]).status == 0)
    for command in ["train", "evaluate", "compare", "fid", "reconstruct", "data inspect"] {
      let help = try SlateProgram.run(["help"] + command.split(separator: " ").map(String.init))
      #expect(help.output.contains("--max-unreadable"), "\(command)")
      #expect(help.output.contains("--exif-orientation"), "\(command)")
    }
  }

  @Test("a run remembers that its pictures are turned")
  func orientation() throws {
    try copy(try files("oriented"), to: "images")
    let run = folder.path("run")
    let trained = try SlateProgram.trainTiny(
      "--data", folder.path("images"), "--exif-orientation", "--steps", "1", out: run)
    #expect(trained.status == 0, "\(trained.errors)")
    let record = try String(contentsOfFile: run + "/run.json", encoding: .utf8)
    #expect(record.contains("\"exif_orientation\" : true"), "\(record)")
    func sheet(_ options: String...) throws -> Image {
      let outcome = try SlateProgram.run(
        ["reconstruct", run, folder.path("images/6.png"), "--out", folder.path("seen.png")]
          + options)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try Image(contentsOfFile: folder.path("seen.png"))
    }
    let turned = try sheet()
    #expect(try turned == sheet("--exif-orientation"))
    #expect(try turned != sheet("--no-exif-orientation"))
  }

  @Test("masks of palettes are scored by their indices, without what is ignored")
  func palettes() throws {
    try writeImages(8, folder, "data/images")
    let mask = Self.fixtures.appending(path: "masks/palette_ignored.png")
    for index in 0..<8 {
      try copy([mask], to: "data/masks")
      try FileManager.default.moveItem(
        atPath: folder.path("data/masks/palette_ignored.png"),
        toPath: folder.path("data/masks/\(1000 + index).png"))
    }
    let seen = try SlateProgram.run("data", "inspect", folder.path("data"), "--image-size", "96")
    #expect(seen.output.contains("up to 4 objects in a mask"), "\(seen.output)\(seen.errors)")
    #expect(seen.output.contains("255 stands beside other values in 8 masks"), "\(seen.output)")
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    let scored = try SlateProgram.run("evaluate", run, "--data", folder.path("data"))
    #expect(scored.errors.contains("--mask-ignore 255"), "\(scored.errors)")
    let aware = try SlateProgram.run(
      "evaluate", run, "--data", folder.path("data"), "--mask-ignore", "255")
    #expect(!aware.errors.contains("--mask-ignore"), "\(aware.errors)")
    func score(_ outcome: SlateProgram.Outcome) -> Substring? {
      outcome.output.split(separator: "\n").first { $0.hasPrefix("fg_ari") }
    }
    #expect(score(scored) != nil && score(scored) != score(aware))
    let known = try SlateProgram.run(
      "data", "inspect", folder.path("data"), "--image-size", "96", "--mask-ignore", "255")
    #expect(known.output.contains("up to 3 objects in a mask"), "\(known.output)\(known.errors)")
    try files("masks").first { $0.lastPathComponent == "photograph.png" }.map {
      try Data(contentsOf: $0).write(to: folder.url.appending(path: "data/masks/1000.png"))
    }
    let refused = try SlateProgram.run("data", "inspect", folder.path("data"))
    #expect(refused.status != 0 && refused.errors.contains("6400 different colours"))
  }
}
