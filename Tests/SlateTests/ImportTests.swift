import Foundation
import Images
import TestFolders
import Testing
import Training

/// Weights from elsewhere become a run.
@Suite struct ImportTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var published: URL {
    get throws {
      try #require(
        Bundle.module.url(
          forResource: "published_tiny", withExtension: "safetensors", subdirectory: "Fixtures"))
    }
  }

  @Test("published weights keep their names and values, and train on")
  func trainingOn() throws {
    let run = folder.path("run")
    let imported = try SlateProgram.run(
      "import", try published.path, "--out", run, "--num-slots", "2", "--num-heads", "2",
      "--batch-size", "4", "--val-images", "6", "--iterations", "2")
    #expect(imported.status == 0, "\(imported.errors)")
    let file = try SafetensorsFile(contentsOf: try published)
    let checkpoint = try SafetensorsFile(
      contentsOf: folder.url.appending(path: "run/checkpoint.safetensors"))
    #expect(checkpoint.entries.count == file.entries.count)
    for entry in file.entries {
      #expect(try checkpoint.tensor(entry.name).scalars == entry.tensor.scalars, "\(entry.name)")
    }

    let evaluated = try SlateProgram.run("evaluate", run, "--json")
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    let values = try JSONDecoder().decode([String: Double?].self, from: Data(evaluated.output.utf8))
    #expect(try #require(values["cross_entropy"] ?? nil) > 0)
    try Image(width: 30, height: 20).write(to: folder.url.appending(path: "grey.png"))
    let seen = try SlateProgram.run(
      "reconstruct", run, folder.path("grey.png"), "--out", folder.path("seen.png"))
    #expect(seen.status == 0, "\(seen.errors)")
    let trained = try SlateProgram.run(
      "train", "--resume", run, "--steps", "3", "--patience", "1", "--workers", "2")
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(trained.output.contains("validation at step 0"))
    #expect(trained.output.contains("validation at step 3"))
  }

  @Test func filesThatAreNoModel() throws {
    let file = try SafetensorsFile(contentsOf: try published)
    let url = folder.url.appending(path: "part.safetensors")
    for missing in ["dictionary.dictionary.weight", "tf_dec.blocks.1.ffn.2.bias"] {
      try SafetensorsFile(
        file.entries.filter { $0.name != missing }.map { ($0.name, $0.tensor) }
      ).write(to: url)
      let refused = try SlateProgram.run("import", url.path, "--out", folder.path("run"))
      #expect(refused.status != 0)
      #expect(
        refused.errors.contains(url.path) && refused.errors.contains(missing),
        "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
    }
  }
}
