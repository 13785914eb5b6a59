import Foundation
import Images
import TestFolders
import Testing

/// Measurements and images that are not those of a run any more.
@Suite struct OtherStateTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("scores are removed when checkpoint, images or configuration change, and kept otherwise")
  func scores() throws {
    #expect(
      try SlateProgram.trainTiny("--steps", "4", "--val-every", "2", out: folder.path("run")).status
        == 0)
    #expect(try SlateProgram.run("table", folder.path("run"), "--evaluate").status == 0)
    try writeImages(20, folder, "images")
    for (name, arguments, isKept) in [
      ("same", ["--resume", "same"], true),
      ("named", ["--resume", "named/checkpoint.safetensors"], true),
      ("earlier", ["--resume", "earlier/checkpoint.previous.safetensors", "--steps", "2"], false),
      ("data", ["--resume", "data", "--data", "images"], false),
      ("options", ["--resume", "options", "--val-images", "3"], false),
    ] {
      try FileManager.default.copyItem(atPath: folder.path("run"), toPath: folder.path(name))
      let resumed = try SlateProgram.run(["train", "--workers", "2"] + arguments, in: folder.url)
      #expect(resumed.status == 0, "\(name): \(resumed.errors)")
      let scores = folder.path("\(name)/scores.json")
      #expect(FileManager.default.fileExists(atPath: scores) == isKept, "\(name)")
    }
  }

  @Test(
    "images found in the place of a run's own are called others; what is missing is named whole")
  func images() throws {
    try writeImages(20, folder, "here/images")
    let run = folder.path("run")
    let trained = try SlateProgram.run(
      SlateProgram.tinyTraining("--data", "images", "--steps", "1", out: run),
      in: folder.url.appending(path: "here"))
    #expect(trained.status == 0, "\(trained.errors)")
    try FileManager.default.moveItem(atPath: folder.path("here"), toPath: folder.path("moved"))
    try writeImages(24, folder, "other/images")
    func measure(_ place: String, _ command: [String]) throws -> SlateProgram.Outcome {
      try SlateProgram.run(command, in: folder.url.appending(path: place))
    }
    let lost = folder.path("here/images")
    for command in [
      ["evaluate", run], ["evaluate", run, "--json"], ["evaluate", run, "--limit", "12"],
      ["table", run, "--evaluate"], ["compare", run, "--images", "1", "--repeats", "0"],
    ] {
      let other = try measure("other", command)
      #expect(other.errors.contains("warning: image folder \(folder.path("other/images"))"))
      #expect(other.errors.contains("not the images that"), "\(command): \(other.errors)")
      #expect(other.errors.contains("nothing is at \(lost) any more"), "\(other.errors)")
      #expect(!other.output.contains("not the images"))
      // Nothing of that name, here or there.
      try? FileManager.default.removeItem(atPath: run + "/scores.json")
      let nowhere = try measure(".", command)
      #expect(nowhere.status == 1 && nowhere.errors.contains(lost), "\(nowhere.errors)")
    }
    for command in [["evaluate", run], ["evaluate", run, "--limit", "12"]] {
      let moved = try measure("moved", command)
      #expect(moved.status == 0 && !moved.errors.contains("not the images"), "\(moved.errors)")
      // Who names other images wants them.
      let wanted = try measure("other", command + ["--data", "images"])
      #expect(wanted.status == 0 && !wanted.errors.contains("not the images"), "\(wanted.errors)")
    }
  }

  @Test("a run's folder, or one of images, may end in .safetensors")
  func folderNames() throws {
    let run = folder.path("w.safetensors")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    let evaluated = try SlateProgram.run("evaluate", run, "--images", "2")
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    let resumed = try SlateProgram.run("train", "--resume", run, "--steps", "2", "--workers", "2")
    #expect(resumed.output.contains("continued after step 1"), "\(resumed.errors)")
    let missing = try SlateProgram.run("evaluate", folder.path("x.safetensors"))
    #expect(missing.errors.contains("there is no such file"), "\(missing.errors)")
    try writeImages(3, folder, "images.npz")
    let set = folder.path("images.npz")
    let refused = try SlateProgram.run("fid", set, set)
    #expect(refused.errors.contains("images need the network's weights"), "\(refused.errors)")
  }

  @Test("pictures into which the crop does not fit are as unreadable as in training")
  func crops() throws {
    for index in 0..<8 {
      try FileManager.default.createDirectory(
        atPath: folder.path("images"), withIntermediateDirectories: true)
      try Image(width: 40, height: index == 0 ? 40 : 30)
        .write(to: folder.url.appending(path: "images/\(index).png"))
    }
    func inspect(_ options: String...) throws -> SlateProgram.Outcome {
      try SlateProgram.run(["data", "inspect", folder.path("images")] + options)
    }
    let refused = try inspect("--center-crop", "35")
    #expect(refused.status == 1)
    let lines = refused.output.split(separator: "\n")
    #expect(lines.count { $0.hasPrefix("unreadable: ") } == 7, "\(refused.output)")
    #expect(refused.output.contains("1.png: a centre crop of 35 pixels does not fit into 40 x 30"))
    #expect(refused.output.contains("40 x 30 pixels (7 of 8 looked at)"), "\(refused.output)")
    #expect(try inspect("--center-crop", "35", "--max-unreadable", "7").status == 0)
    let fitting = try inspect("--center-crop", "30")
    #expect(fitting.status == 0 && !fitting.output.contains("unreadable"), "\(fitting.output)")
  }
}
