import Images
import ObjectCentric
import Tensors

extension Image {
  /// A float image [height, width, 3] in [0, 1], rounded to bytes.
  ///
  /// - Parameters:
  ///   - tensor: the image.
  ///   - output: what it is, as an error says it.
  /// - Throws: `NotFiniteOutput` where it is not finite.
  init(_ tensor: Tensor, of output: String) throws {
    self.init(
      width: tensor.shape[1], height: tensor.shape[0],
      pixels: try tensor.finite(output).floats.map { UInt8((min(max($0, 0), 1) * 255).rounded()) })
  }
}

/// A picture of how a model sees images, with one row for each: the image, the dVAE's
/// reconstruction, the image regenerated through the slots, and for each slot the image where the
/// slot attends, on white (image * a + 1 - a).
///
/// Of more than 64 slots, the first 64 are drawn.
///
/// - Parameters:
///   - model: the model.
///   - images: [batch, height, width, 3].
///   - noise: the normal noise of the initial slots, [batch, slots, slot size].
/// - Returns: a picture on white.
/// - Throws: `NotFiniteOutput` naming the first picture that is not finite; what the fixed-point layer
///   throws.
func reconstructionSheet(_ model: SLATE, images: Tensor, slotNoise noise: Tensor) throws -> Image {
  let result = try model.reconstruct(images, slotNoise: noise)
  let plain = model.dvaeReconstruction(images)
  let (count, slots, grid) = (images.shape[0], noise.shape[1], model.configuration.gridSize)
  let size = 4 * grid
  let masks = result.attention.reshaped([count, slots, grid, 1, grid, 1])
    .broadcast(to: [count, slots, grid, 4, grid, 4]).reshaped([count, slots, size, size, 1])
  let overlays = images.reshaped([count, 1, size, size, 3]) * masks + 1 - masks
  let rows = try (0..<count).map { index -> [Image] in
    let part = { (x: Tensor, output: String) in
      try Image(x.slice(index..<index + 1).reshaped([size, size, 3]), of: output)
    }
    let pictures = [
      try part(images, "the image"), try part(plain, "the autoencoder's reconstruction"),
      try part(result.image, "the image regenerated through the slots"),
    ]
    return try pictures
      + (0..<min(slots, 64)).map { slot in
        try part(
          overlays.slice(slot..<slot + 1, alongAxis: 1), "what slot \(slot) attends to")
      }
  }
  return .grid(rows, enlargement: max(1, 128 / size))
}
