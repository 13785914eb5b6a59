import Foundation
import Images
import NeuralLayers
import Tensors
import TestFolders
import Testing
import Training

/// What a user gets wrong is named, and the exit status says that nothing was done.
@Suite struct BadInputTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func expectRefused(_ outcome: SlateProgram.Outcome, naming texts: String...) {
    #expect(outcome.status != 0)
    for text in texts { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
  }

  private func write(_ bytes: Data, _ name: String) throws {
    let url = folder.url.appending(path: name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: url)
  }

  /// Ten good images and a bad one in the training part.
  private func trainWith(_ bytes: Data, named name: String) throws -> SlateProgram.Outcome {
    for index in 0..<10 {
      try write(
        Image(width: 16, height: 16, color: SIMD3(UInt8(index), 0, 9)).pngData(),
        "images/good\(index).png")
    }
    try write(bytes, "images/\(name)")
    defer { try? FileManager.default.removeItem(at: folder.url.appending(path: "images/\(name)")) }
    return try SlateProgram.trainTiny(
      "--steps", "2", "--data", folder.path("images"), out: folder.path("run"))
  }

  @Test func foldersWithoutImages() throws {
    expectRefused(
      try SlateProgram.trainTiny("--data", folder.path("nowhere"), out: folder.path("run")),
      naming: folder.path("nowhere"))
    try write(Data("x".utf8), "empty/readme.txt")
    expectRefused(
      try SlateProgram.trainTiny("--data", folder.path("empty"), out: folder.path("run")),
      naming: folder.path("empty"), "png")
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
  }

  @Test func filesThatAreNoImages() throws {
    expectRefused(
      try trainWith(Data("only words".utf8), named: "a_note.png"), naming: "a_note.png")
    let whole = try Image(width: 40, height: 40).pngData()
    expectRefused(
      try trainWith(whole.prefix(whole.count / 2), named: "a_half.png"), naming: "a_half.png")
    expectRefused(
      try trainWith(Data([0xff, 0xd8, 0xff, 0xe0, 0, 16]), named: "a_stub.jpg"),
      naming: "a_stub.jpg")
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
  }

  @Test(
    "options with values that make no sense",
    arguments: [
      ["--image-size", "30"], ["--steps", "-5"], ["--batch-size", "0"], ["--dropout", "1"],
      ["--num-heads", "3"], ["--gradient", "guess"], ["--gradient", "neumann:0"],
      ["--tau-final", "0"], ["--workers", "0"], ["--stpes", "5"],
    ])
  func options(_ option: [String]) throws {
    expectRefused(
      try SlateProgram.trainTiny(option[0], option[1], out: folder.path("run")),
      naming: option[0])
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
  }

  @Test("an estimator that reuses an inverse needs a solver that learns one")
  func inverses() throws {
    expectRefused(
      try SlateProgram.trainTiny("--gradient", "quasi-newton", out: folder.path("run")),
      naming: "--gradient quasi-newton", "--solver broyden", "--solver is iteration")
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
    let trained = try SlateProgram.trainTiny(
      "--gradient", "quasi-newton", "--solver", "broyden", "--steps", "1", out: folder.path("run"))
    #expect(trained.status == 0, "\(trained.errors)")
  }

  @Test("a comparison where there is no fixed point names options that help")
  func nothingToCompare() throws {
    #expect(try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")).status == 0)
    let refused = try SlateProgram.run(
      "compare", folder.path("run"), "--within", "1", "--out", folder.path("comparison"))
    expectRefused(refused, naming: folder.path("run"), "--within", "--tolerance")
    #expect(!refused.errors.contains("largestResidual"))
  }

  @Test("reasons are the system's words")
  func foldersThatCannotBeWritten() throws {
    try write(Data(), "file")
    expectRefused(
      try SlateProgram.trainTiny("--steps", "1", out: folder.path("file/run")),
      naming: folder.path("file/run"), "Not a directory")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")).status == 0)
    expectRefused(
      try SlateProgram.run("plot", folder.path("run"), "--out", folder.path("file/plots")),
      naming: folder.path("file/plots"), "Not a directory")
    try write(Image(width: 20, height: 20).pngData(), "image.png")
    expectRefused(
      try SlateProgram.run(
        "reconstruct", folder.path("run"), folder.path("image.png"), "--out",
        folder.path("nowhere/a.png")), naming: "nowhere/a.png", "No such file or directory")
    expectRefused(
      try SlateProgram.run(
        "reconstruct", folder.path("run"), folder.path("image.png"), "--out",
        folder.path("a.jpg")), naming: "a.jpg: pictures are written as PNG")
    expectRefused(
      try SlateProgram.run("import", folder.path("nowhere")), naming: "No such file or directory")
    expectRefused(
      try SlateProgram.run("train", "--resume", folder.path("file")), naming: "neither a run's")
  }

  @Test(
    "configuration files that make no sense",
    arguments: [
      ("{\"d_model\": 8,", "no JSON (Unexpected end of file"), ("[1]", "no object"),
      ("{\"d_modle\": 8}", "'d_modle'"), ("{\"d_model\": \"big\"}", "'d_model': Expected"),
      ("{\"d_model\": 7}", "--num-heads"),
    ])
  func configurations(_ text: String, _ reason: String) throws {
    try write(Data(text.utf8), "config.json")
    expectRefused(
      try SlateProgram.run("train", "--config", folder.path("config.json"), "--print-config"),
      naming: reason)
  }

  @Test("a limit that leaves too few images is what is named")
  func limits() throws {
    for index in 0..<6 {
      try write(Image(width: 16, height: 16).pngData(), "images/\(index).png")
    }
    expectRefused(
      try SlateProgram.trainTiny(
        "--data", folder.path("images"), "--limit", "1", out: folder.path("run")),
      naming: "1 image is", "limit, which leaves out 5")
  }

  @Test func aRunIsNotOverwritten() throws {
    #expect(try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")).status == 0)
    expectRefused(
      try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")),
      naming: folder.path("run"), "--resume")
  }

  @Test func checkpointsThatDoNotFit() throws {
    #expect(try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")).status == 0)
    let url = folder.url.appending(path: "run/checkpoint.safetensors")
    let file = try SafetensorsFile(contentsOf: url)
    let whole = try Data(contentsOf: url)

    expectRefused(try SlateProgram.run("evaluate", folder.path("nowhere")), naming: "nowhere")
    try whole.prefix(whole.count - 100).write(to: url)
    expectRefused(
      try SlateProgram.run("evaluate", folder.path("run")), naming: url.path, "truncated")

    let tensors = file.entries.map { (name: $0.name, tensor: $0.tensor) }
    func replace(_ tensors: [(name: String, tensor: Tensor)]) throws {
      try SafetensorsFile(tensors, metadata: file.metadata).write(to: url)
    }
    try replace(tensors.filter { $0.name != "slot_proj.weight" })
    expectRefused(
      try SlateProgram.run("evaluate", folder.path("run")), naming: url.path,
      "no tensor 'slot_proj.weight'")
    try replace(tensors + [("stranger", .zeros([2]))])
    expectRefused(
      try SlateProgram.run("evaluate", folder.path("run")), naming: url.path, "'stranger'")
    try replace(tensors.map { $0.name == "out.weight" ? ($0.name, .zeros([3, 5])) : $0 })
    expectRefused(
      try SlateProgram.run("evaluate", folder.path("run")), naming: url.path, "out.weight",
      "[3, 5]", "[12, 8]")
  }
}
