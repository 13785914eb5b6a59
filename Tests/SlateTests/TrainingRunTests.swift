import Foundation
import Images
import TestFolders
import Testing

/// A line of metrics.jsonl.
private struct Line: Decodable {
  let step: Int
  let loss: Double?
  let cross_entropy: Double?
  let mse: Double?
  let tau: Double?
  let seconds: Double?
  let seconds_step: Double?
  let val_cross_entropy: Double?
  let val_mse: Double?
}

private func lines(_ folder: TemporaryFolder, _ run: String) throws -> [Line] {
  try String(contentsOf: folder.url.appending(path: "\(run)/metrics.jsonl"), encoding: .utf8)
    .split(separator: "\n")
    .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
}

@Suite struct TrainingRunTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func aRunLeavesWhatItPromises() throws {
    let trained = try SlateProgram.trainTiny(
      "--steps", "30", "--val-every", "15", out: folder.path("run"))
    #expect(trained.status == 0, "\(trained.errors)")
    let summary = try #require(
      trained.output.firstMatch(
        of: /a step took ([0-9.e-]+) ms: ([0-9.]+) % of it waiting for images/))

    let lines = try lines(folder, "run")
    let steps = lines.compactMap(\.seconds_step).dropFirst()
    let milliseconds = 1000 * steps.reduce(0, +) / Double(steps.count)
    #expect(abs(try #require(Double(summary.output.1)) - milliseconds) < 1e-3 * milliseconds)
    #expect(try #require(Double(summary.output.2)) < 100)
    let validations = lines.filter { $0.val_cross_entropy != nil }
    #expect(validations.map(\.step) == [0, 15, 30])
    #expect(lines.filter { $0.loss != nil }.map(\.step) == Array(1...30))
    #expect(lines.allSatisfy { $0.seconds != nil })
    for line in lines {
      if let loss = line.loss, let entropy = line.cross_entropy, let mse = line.mse {
        #expect(abs(loss - entropy - mse) < 1e-9 * loss)
        #expect(line.tau != nil)
      }
    }
    let first = try #require(validations.first?.val_mse)
    let last = try #require(validations.last?.val_mse)
    #expect(last < first)

    let sheet = try Image(contentsOf: folder.url.appending(path: "run/reconstructions.png"))
    // Six images of 128 pixels in rows of image, two reconstructions and two slots, 16 between.
    #expect(sheet.width == (16 * 5 + 2 * 6) * 8)
    #expect(sheet.height == (16 * 6 + 2 * 7) * 8)
  }

  @Test("evaluate prints what training printed last")
  func evaluation() throws {
    #expect(try SlateProgram.trainTiny("--steps", "7", out: folder.path("run")).status == 0)
    let last = try #require(lines(folder, "run").last { $0.val_mse != nil })
    let evaluated = try SlateProgram.run("evaluate", folder.path("run"), "--json")
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    let values = try JSONDecoder().decode([String: Double].self, from: Data(evaluated.output.utf8))
    #expect(values["cross_entropy"] == last.val_cross_entropy)
    #expect(values["mse"] == last.val_mse)
    #expect(try #require(values["reconstruction_mse"]) > 0)

    let table = try SlateProgram.run("evaluate", folder.path("run")).output
    #expect(table.contains("reconstruction_mse"))
  }

  @Test("equal seeds and workers give equal numbers, other seeds others")
  func determinism() throws {
    for (run, seed) in [("a", "3"), ("b", "3"), ("c", "4")] {
      #expect(
        try SlateProgram.trainTiny(
          "--steps", "6", "--seed", seed, "--dropout", "0.1", out: folder.path(run)
        ).status == 0)
    }
    let losses = try ["a", "b", "c"].map { try lines(folder, $0).map { $0.loss ?? $0.val_mse } }
    #expect(losses[0] == losses[1])
    #expect(losses[0] != losses[2])
    #expect(try folder.checkpointTensors("a") == folder.checkpointTensors("b"))
  }

  @Test("every gradient trains", arguments: ["implicit", "unrolled", "neumann:3", "exact"])
  func gradients(_ gradient: String) throws {
    let trained = try SlateProgram.trainTiny(
      "--steps", "3", "--gradient", gradient, "--iterations", "2", out: folder.path("run"))
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(trained.output.contains("gradient \(gradient)"))
  }

  @Test func foldersOfImagesAreReconstructed() throws {
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "images"), withIntermediateDirectories: true)
    for index in 0..<10 {
      let color = SIMD3<UInt8>(UInt8(index * 20), 100, UInt8(255 - index * 20))
      try Image(width: 20, height: 18, color: color)
        .write(to: folder.url.appending(path: "images/\(index).png"))
    }
    let trained = try SlateProgram.trainTiny(
      "--steps", "4", "--data", folder.path("images"), out: folder.path("run"))
    #expect(trained.status == 0, "\(trained.errors)")
    let picture = folder.path("seen.png")
    let seen = try SlateProgram.run(
      "reconstruct", folder.path("run"), folder.path("images/0.png"),
      folder.path("images/7.png"), "--out", picture)
    #expect(seen.status == 0, "\(seen.errors)")
    #expect(try Image(contentsOf: URL(filePath: picture)).height == (16 * 2 + 2 * 3) * 8)
  }
}
