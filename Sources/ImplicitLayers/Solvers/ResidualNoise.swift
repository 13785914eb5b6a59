import Tensors

// What rounding alone makes of f(z) - z: each of f's operations errs by up to a unit roundoff of
// what it returns, and f(z) is near z, so that their difference is noise once it falls to a few
// roundoffs of |z|. An acceleration that takes such a residual for a property of the map
// extrapolates from nothing.

extension DType {
  /// The noise of a residual as a fraction of |f(z)|: a dozen operations' worth of roundoffs.
  var residualNoise: Double { 16 * unitRoundoff }
}

extension Tensor {
  /// The noise of the residual at this point, per sample.
  var residualNoise: [Double] { normsOfSamples.map { $0 * dtype.residualNoise } }
}
