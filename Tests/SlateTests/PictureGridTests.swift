import Foundation
import Images
import Tensors
import TestFolders
import Testing
import Training

@testable import ObjectCentric
@testable import slate

/// The pictures of an experiment's runs.
@Suite struct PictureGridTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A run that has been saved before its first step, and its model.
  private func saved(
    _ label: String, seed: UInt64, limit: Int? = nil
  ) throws -> (run: ExperimentPlan.Run, model: SLATE) {
    let configuration = try RunConfiguration.tiny { $0.seed = seed }
    var data = DataSource()
    data.limit = limit
    let place = folder.url.appending(path: "\(label)-\(seed)", directoryHint: .isDirectory)
    let run = ExperimentPlan.Run(
      arm: Arm(label, configuration, data), position: 0, configuration: configuration,
      folder: RunFolder(url: place))
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
    var weights = Philox(seed: 100 + seed)
    var model = SLATE(configuration.model, using: &weights)
    let state = RunState(progress: .init(), configuration: configuration, data: data)
    try Checkpoint(of: model, metadata: state.metadata).write(to: run.folder.checkpoint)
    configuration.apply(to: &model)
    return (run, model)
  }

  /// Compares a cell of 16 by 16 pixels, each of them six times as large, with two of white around it.
  private func expect(
    _ picture: Image, row: Int, column: Int, shows image: Image,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let cell = picture.cropped(
      x: 6 * (18 * column + 2), y: 6 * (18 * row + 2), width: 96, height: 96)
    let isSame = cell == image.enlarged(6)
    #expect(isSame, "row \(row), column \(column)", sourceLocation: sourceLocation)
  }

  @Test("a column an image: itself, and for each run what is regenerated and its slots in colours")
  func cells() throws {
    let (first, second) = (try saved("vanilla", seed: 3), try saved("implicit", seed: 4))
    let grid = try #require(try PictureGrid(of: [first.run, second.run]))
    #expect(
      grid.rows == [
        "the images",
        "vanilla, seed 3: regenerated through the slots", "vanilla, seed 3: the slots",
        "implicit, seed 4: regenerated through the slots", "implicit, seed 4: the slots",
      ])
    try #require(grid.picture.width == 6 * (18 * 8 + 2) && grid.picture.height == 6 * (18 * 5 + 2))
    // The images of the first run's data, which with the second run's seed would be others.
    let images = GeneratedScenes(imageSize: 16, seed: 3, style: .plain)
    let shown = (0..<8).map { images.image($0, of: .validation) }
    for (column, image) in shown.enumerated() {
      expect(grid.picture, row: 0, column: column, shows: image)
    }
    // Black, blue and vermilion are slots 1, 2 and 3, of which the masks are numbered from 1.
    let colors: [[UInt8]] = [[0, 114, 178], [213, 94, 0], [0, 158, 115]]
    for (row, saved) in [(1, first), (3, second)] {
      let (run, model) = saved
      var draws = RandomStreams(seed: run.seed).validation.substream(1)
      let noise = Tensor.normal([8, 3, 6], using: &draws)
      let result = try model.reconstruct(Tensor(images: shown, size: 16), slotNoise: noise)
      let winners = result.attention.permuted([0, 2, 3, 1]).bilinear(height: 16, width: 16)
        .argmax(alongAxis: -1).scalars.map { Int($0) }
      for column in 0..<8 {
        let regenerated = try Image(
          result.image.slice(column..<column + 1).reshaped([16, 16, 3]), of: "it")
        expect(grid.picture, row: row, column: column, shows: regenerated)
        let slots = winners[256 * column..<256 * (column + 1)]
        let colored = Image(width: 16, height: 16, pixels: slots.flatMap { colors[$0] })
        expect(grid.picture, row: row + 1, column: column, shows: colored)
      }
      #expect(Set(winners).count > 1, "\(run.name)")
    }
  }

  @Test("fewer images than columns make a narrower picture, and no run none")
  func few() throws {
    // Of 15 scenes for training there are three for validation.
    let run = try saved("one", seed: 5, limit: 15).run
    let grid = try #require(try PictureGrid(of: [run]))
    #expect(grid.picture.width == 6 * (18 * 3 + 2) && grid.picture.height == 6 * (18 * 3 + 2))
    #expect(try PictureGrid(of: []) == nil)
  }

  @Test("a run that cannot be read is named")
  func unreadable() throws {
    let (good, bad) = (try saved("good", seed: 6).run, try saved("bad", seed: 7).run)
    try FileManager.default.removeItem(at: bad.folder.checkpoint)
    let error = try #require(throws: RunError.self) { try PictureGrid(of: [good, bad]) }
    #expect(error.path.hasSuffix("bad-7") || error.path.hasSuffix("bad-7/"), "\(error)")
    #expect(error.reason == "it holds no checkpoint.safetensors")
  }

  @Test("a checkpoint of another run is refused, whatever its sizes are")
  func another() throws {
    let (one, other) = (try saved("one", seed: 8).run, try saved("other", seed: 9).run)
    try FileManager.default.removeItem(at: one.folder.checkpoint)
    try FileManager.default.copyItem(at: other.folder.checkpoint, to: one.folder.checkpoint)
    let error = try #require(throws: RunError.self) { try PictureGrid(of: [one]) }
    #expect(error.path.contains("one-8") && error.reason == "its checkpoint is that of another run")
  }
}
