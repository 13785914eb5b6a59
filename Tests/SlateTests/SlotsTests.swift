import Foundation
import Images
import Tensors
import TestFolders
import Testing
import Training

/// Slots and masks out of a run, and scenes out of slots.
@Suite("slate slots and slate compose")
struct SlotsTests {
  private let folder: TemporaryFolder
  private let paths: [String]

  init() throws {
    folder = try TemporaryFolder()
    paths = ["left/a.png", "right/a.png", "b.png"].map { [folder] in folder.path($0) }
    for (index, path) in paths.enumerated() {
      try FileManager.default.createDirectory(
        at: URL(filePath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
      var image = Image(width: 20, height: 20, color: SIMD3(UInt8(90 * index), 100, 200))
      for pixel in 0..<100 { image.pixels[pixel * 3] = 255 }
      try image.write(to: URL(filePath: path))
    }
    let trained = try SlateProgram.trainTiny("--steps", "3", out: folder.path("run"))
    #expect(trained.status == 0, "\(trained.errors)")
  }

  private func slots() throws -> SlateProgram.Outcome {
    try SlateProgram.run(["slots", folder.path("run")] + paths + ["--out", folder.path("found")])
  }

  private func compose(_ scenes: String..., file: String = "found/slots.safetensors") throws
    -> SlateProgram.Outcome
  {
    try SlateProgram.run(
      ["compose", folder.path("run"), folder.path(file), "--out", folder.path("scene.png")]
        + scenes.flatMap { ["--scene", $0] })
  }

  @Test("each image has a mask of its own name, the file has all slots and where they look")
  func files() throws {
    let outcome = try slots()
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("3 masks, and slots.safetensors with 2 slots of each image"))
    for name in ["a-0-mask.png", "a-1-mask.png", "b-mask.png"] {
      let mask = try SegmentationMask(
        redChannelOf: Image(contentsOf: folder.url.appending(path: "found/\(name)")))
      #expect(mask.width == 16 && mask.height == 16 && (1...2).contains(mask.objectCount))
    }
    let file = try SafetensorsFile(
      contentsOf: folder.url.appending(path: "found/slots.safetensors"))
    let attention = try file.tensor("attention")
    #expect(attention.shape == [3, 2, 4, 4])
    // The slots share out each token, and a mask shows who has the most of it.
    #expect(attention.sum(alongAxis: 1).floats.allSatisfy { abs($0 - 1) < 1e-5 })
    #expect(try file.tensor("slots").shape == [3, 2, file.tensor("slots").shape[2]])
    #expect(file.metadata["image.2"] == paths[2])
    let first = try SegmentationMask(
      redChannelOf: Image(contentsOf: folder.url.appending(path: "found/a-0-mask.png")))
    let image = attention[0]
    let winners = image[1] .> image[0]
    let expected = Set(winners.scalars).count
    #expect(first.objectCount == expected)
  }

  @Test("as many masks as images, also where one image has the name that another's number makes")
  func numberedNames() throws {
    let other = folder.path("a-0.png")
    try FileManager.default.copyItem(atPath: paths[0], toPath: other)
    let outcome = try SlateProgram.run(
      ["slots", folder.path("run"), paths[0], paths[1], other, "--out", folder.path("found")])
    #expect(outcome.output.contains("3 masks"), "\(outcome.errors)")
    let masks = try FileManager.default.contentsOfDirectory(atPath: folder.path("found"))
      .filter { $0.hasSuffix("-mask.png") }.sorted()
    #expect(masks == ["a-0-0-mask.png", "a-0-mask.png", "a-1-mask.png"])
  }

  @Test("all slots of an image compose what reconstruct shows; slots of several images do too")
  func composition() throws {
    _ = try slots()
    #expect(try compose("2:0,2:1", "2:1").status == 0)
    let scenes = try Image(contentsOf: folder.url.appending(path: "scene.png"))
    // 16 pixels enlarged eight times, with 2 x 8 around each.
    let (side, gap) = (128, 16)
    #expect(scenes.width == 2 * side + 3 * gap && scenes.height == side + 2 * gap)
    let seen = try SlateProgram.run(
      ["reconstruct", folder.path("run")] + paths + ["--out", folder.path("seen.png")])
    #expect(seen.status == 0, "\(seen.errors)")
    let sheet = try Image(contentsOf: folder.url.appending(path: "seen.png"))
    #expect(
      scenes.cropped(x: gap, y: gap, width: side, height: side)
        == sheet.cropped(
          x: gap + 2 * (side + gap), y: gap + 2 * (side + gap), width: side, height: side))
    #expect(try compose("0:0,2:1,1:1").status == 0)
  }

  @Test("what is not there, or makes no sense, is named")
  func refusals() throws {
    _ = try slots()
    let missing = try compose("0:0,3:1")
    #expect(missing.status == 1 && missing.errors.contains("there is no slot 3:1"))
    #expect(missing.errors.contains("2 slots of each of 3 images"), "\(missing.errors)")
    for words in ["0", "0:", "0:1,", "a:b", "0:-1", ""] {
      let outcome = try compose(words)
      #expect(outcome.status == 64 && outcome.errors.contains("--scene"), "\(words)")
    }
    let file = SafetensorsFile([("slots", Tensor.zeros([1, 2, 3]))])
    try file.write(to: folder.url.appending(path: "other.safetensors"))
    let other = try compose("0:0", file: "other.safetensors")
    #expect(other.status == 1 && other.errors.contains("slots are float32 [1, 2, 3]"))
    #expect(other.errors.contains("slate slots"), "\(other.errors)")
    try Data().write(to: folder.url.appending(path: "taken"))
    let taken = try SlateProgram.run(
      ["slots", folder.path("run"), paths[0], "--out", folder.path("taken")])
    #expect(taken.status == 1 && taken.errors.contains("cannot be made"), "\(taken.errors)")
  }
}
