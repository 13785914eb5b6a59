import Foundation
import Images
import ObjectCentric
import Tensors

/// A grid of images and of what the trained models of an experiment make of them.
///
/// Each column is an image. The first row shows the images. Then each arm has two rows: the images
/// regenerated through its slots, and, in colours, the slot that attends most to each pixel.
struct PictureGrid {
  /// The labels of the rows, from the top.
  private(set) var rows: [String] = ["the images"]
  let picture: Image

  /// The number of images.
  private static let columns = 8

  /// The pictures of finished runs on one data set, one run for each arm.
  ///
  /// - Throws: an error that names the run or the image that cannot be read.
  init?(of runs: [ExperimentPlan.Run]) throws {
    guard let first = runs.first else { return nil }
    // All runs show the same images, whatever their seeds are.
    let dataset = try first.arm.data.open(
      imageSize: first.configuration.imageSize, seed: first.seed)
    let shown = try EvaluationImages(
      dataset, .validation, limit: PictureGrid.columns,
      tolerance: first.arm.data.tolerance(of: dataset))
    var cells = [try (0..<shown.count).map { try shown.image($0) }]
    for run in runs {
      let loaded = try LoadedRun(at: run.folder.url.path)
      guard loaded.state.configuration == run.configuration else {
        throw RunError(
          path: run.folder.url.path, reason: "its checkpoint is that of another run",
          remedy: "put the run's own there, or remove the folder: it is then trained again")
      }
      let evaluation = Evaluation(
        model: loaded.model, configuration: loaded.state.configuration, images: shown)
      let range = 0..<shown.count
      let result = try loaded.model.reconstruct(
        shown.batch(range), slotNoise: evaluation.slotNoise(range))
      let size = run.configuration.imageSize
      cells.append(
        try range.map {
          try Image(
            result.image.slice($0..<$0 + 1).reshaped([size, size, 3]),
            of: "\(run.name): the image regenerated through the slots")
        })
      let attention = result.attention
      cells.append(
        SegmentationMask.segmentations(
          fromAttention: attention.reshaped(
            attention.shape.prefix(2) + [run.configuration.model.tokenCount]), size: size
        ).map(PictureGrid.colored))
      rows += [
        "\(run.name): regenerated through the slots", "\(run.name): the slots",
      ]
    }
    picture = .grid(cells, enlargement: max(1, 96 / first.configuration.imageSize))
  }

  /// A segmentation in colours that differ clearly.
  private static func colored(_ mask: SegmentationMask) -> Image {
    Image(
      width: mask.width, height: mask.height,
      pixels: mask.ids.flatMap { id -> [UInt8] in
        let color = colors[Int(id) % colors.count]
        return [color.x, color.y, color.z]
      })
  }

  private static let colors: [SIMD3<UInt8>] = [
    SIMD3(0, 0, 0), SIMD3(0, 114, 178), SIMD3(213, 94, 0), SIMD3(0, 158, 115),
    SIMD3(204, 121, 167), SIMD3(230, 159, 0), SIMD3(86, 180, 233), SIMD3(240, 228, 66),
    SIMD3(128, 128, 128), SIMD3(110, 60, 20), SIMD3(220, 220, 220), SIMD3(80, 0, 120),
    SIMD3(160, 220, 120),
  ]
}
