import Tensors

/// Mean and covariance of the features of a set of images, as the Frechet distance needs them.
///
/// ```swift
/// let real = try FeatureStatistics(features: inception.features(of: images))    // [n, 2048]
/// let made = try FeatureStatistics(features: inception.features(of: generated))
/// let fid = try frechetDistance(real, made)
/// ```
/// The covariance S is stored as a factor F with S = F^T F, so that no square root of a matrix has
/// to be taken.
public struct FeatureStatistics: Sendable {
  /// The mean, shape [features], float64.
  public let mean: Tensor
  /// The factor F, shape [rank, features], float64.
  public let factor: Tensor
  /// The number of images; nil if it is not known.
  public let count: Int?

  /// The statistics of features of shape [n, features]; the covariance divides by n - 1.
  ///
  /// F is the matrix of centred features divided by sqrt(n - 1), or its triangular factor if n is
  /// larger than the number of features. Stops when n < 2.
  ///
  /// - Throws: `DecompositionFailure` when a feature is not finite and there are more images than features;
  ///   of fewer images, the distance throws it.
  public init(features: Tensor) throws {
    expect(
      features.rank == 2 && features.shape[0] >= 2,
      "statistics need features [n, features] of at least 2 images, not \(features.shape)")
    let n = features.shape[0]
    let wide = features.detached().converted(to: .float64)
    mean = wide.mean(alongAxis: 0)
    let centred = (wide - mean) / Double(n - 1).squareRoot()
    factor = n > features.shape[1] ? try centred.triangularFactor() : centred
    count = n
  }

  /// The statistics with a given mean [features] and covariance [features, features].
  ///
  /// F = diag(w)^1/2 V from S = V^T diag(w) V. Eigenvalues below 0, which come from rounding, count
  /// as 0.
  ///
  /// - Throws: `DecompositionFailure` when an element is not finite.
  public init(mean: Tensor, covariance: Tensor, count: Int? = nil) throws {
    expect(
      mean.rank == 1 && covariance.shape == [mean.shape[0], mean.shape[0]],
      "a mean of shape \(mean.shape) and a covariance of shape \(covariance.shape) do not belong "
        + "together")
    self.mean = mean.detached().converted(to: .float64)
    let (values, vectors) = try covariance.detached().converted(to: .float64).symmetricEigen()
    factor = values.relu().sqrt().reshaped([values.count, 1]) * vectors
    self.count = count
  }

  /// Statistics that were stored, for example in a file: the `mean`, `factor` and `count` of
  /// earlier ones.
  public init(mean: Tensor, factor: Tensor, count: Int?) {
    expect(
      mean.rank == 1 && factor.rank == 2 && factor.shape[1] == mean.shape[0],
      "a mean of shape \(mean.shape) and a factor of shape \(factor.shape) do not belong together")
    self.mean = mean.detached().converted(to: .float64)
    self.factor = factor.detached().converted(to: .float64)
    self.count = count
  }

  /// The covariance S = F^T F, shape [features, features].
  public var covariance: Tensor { factor.matmul(factor, transposingSelf: true) }

  /// A warning for readers of the distance, or nil: if there are fewer images than features, the
  /// distance is biased upwards.
  public var caution: String? {
    guard let count, count < mean.count else { return nil }
    return "a Frechet distance from \(count) images, fewer than the \(mean.count) features, is "
      + "biased upwards; compare it only with distances from the same number of images"
  }
}

/// The Frechet distance of two normal distributions (Heusel and others, 2017; FID with Inception's
/// features).
///
/// The distance is |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^1/2. With S = F^T F, the eigenvalues
/// of S1 S2 are the squares of the singular values of F1 F2^T, so the last trace is the sum of
/// these singular values. This is exact for every rank, while a matrix square root is not. A result
/// that rounding makes negative becomes 0.
///
/// Finite statistics may be so large that the distance is not: then it is infinite or NaN.
///
/// - Throws: `DecompositionFailure` when a feature is not finite.
/// - Complexity: one product F1 F2^T, and its singular values.
public func frechetDistance(_ a: FeatureStatistics, _ b: FeatureStatistics) throws -> Double {
  expect(
    a.mean.shape == b.mean.shape,
    "statistics of \(a.mean.count) and \(b.mean.count) features cannot be compared")
  let shift = (a.mean - b.mean).square().sum().scalar
  let traces = a.factor.square().sum().scalar + b.factor.square().sum().scalar
  let product = a.factor.matmul(b.factor, transposingOther: true)
  let common = try product.singularValues().sum().scalar
  let distance = shift + traces - 2 * common
  // NaN stays NaN: max would make it 0, the best of all distances.
  return distance < 0 ? 0 : distance
}
