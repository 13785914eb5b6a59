import Tensors

/// The squared error of a batch of images: the sum over pixels and channels, the mean over images.
///
/// This is the definition of the SLATE experiments, with both images in [0, 1]. For a mean over
/// pixels and channels too, divide it by their number.
///
/// - Parameters:
///   - a: images, [batch, height, width, channels].
///   - b: images of the same shape.
/// - Returns: sum (a - b)^2 / batch.
public func meanSquaredError(_ a: Tensor, _ b: Tensor) -> Double {
  expect(
    a.shape == b.shape && a.rank == 4 && a.shape[0] > 0,
    "images of shape \(a.shape) and \(b.shape) cannot be compared")
  return (a.detached().converted(to: .float64) - b.detached().converted(to: .float64))
    .square().sum().scalar / Double(a.shape[0])
}
