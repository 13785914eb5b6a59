import Images
import ObjectCentric
import Tensors

extension Image {
  /// A float image [height, width, 3] in [0, 1], rounded to bytes.
  init(_ tensor: Tensor) {
    self.init(
      width: tensor.shape[1], height: tensor.shape[0],
      pixels: tensor.floats.map { UInt8((min(max($0, 0), 1) * 255).rounded()) })
  }
}

/// A picture of how a model sees images, with one row for each: the image, the dVAE's
/// reconstruction, the image regenerated through the slots, and for each slot the image where the
/// slot attends, on white (image * a + 1 - a).
///
/// - Parameters:
///   - model: the model.
///   - images: [batch, height, width, 3].
///   - noise: the normal noise of the initial slots, [batch, slots, slot size].
/// - Returns: a picture on white.
/// - Throws: what the fixed-point layer throws.
func reconstructionSheet(_ model: SLATE, images: Tensor, slotNoise noise: Tensor) throws -> Image {
  let result = try model.reconstruct(images, slotNoise: noise)
  let plain = model.dvaeReconstruction(images)
  let (count, slots, grid) = (images.shape[0], noise.shape[1], model.configuration.gridSize)
  let size = 4 * grid
  let masks = result.attention.reshaped([count, slots, grid, 1, grid, 1])
    .broadcast(to: [count, slots, grid, 4, grid, 4]).reshaped([count, slots, size, size, 1])
  let overlays = images.reshaped([count, 1, size, size, 3]) * masks + 1 - masks
  let rows = (0..<count).map { index -> [Image] in
    let part = { (x: Tensor) in Image(x.slice(index..<index + 1).reshaped([size, size, 3])) }
    return [part(images), part(plain), part(result.image)]
      + (0..<slots).map { slot in
        Image(
          overlays.slice(index..<index + 1).slice(slot..<slot + 1, alongAxis: 1)
            .reshaped([size, size, 3]))
      }
  }
  return .grid(rows, enlargement: max(1, 128 / size))
}
