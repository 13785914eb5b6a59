import Tensors

/// The distribution of random directions.
public enum DirectionDistribution: Sendable {
  /// +1 or -1 with equal probability: exact for a diagonal matrix, the least variance.
  case rademacher
  /// Every entry is drawn from the standard normal distribution.
  case gaussian
}

/// A differentiable estimate of the size of the Jacobian, to be kept small in training.
///
/// ```swift
/// let penalty = try jacobianPenalty(of: step, at: solution.value, using: &generator)
/// let table = try gradients(of: loss + penalty * 0.4)
/// ```
/// Hutchinson's estimator: for e with E e e^T = I, E |J^T e|^2 = |J|_F^2, so the mean over samples
/// and draws of |J^T e|^2 / n estimates the mean of |J|_F^2 / n, which bounds the squared spectral
/// radius divided by n (Bai, Koltun and Kolter 2021, "Stabilizing Equilibrium Models by Jacobian
/// Regularization").
///
/// The gradient goes to what `map` captures, through the recorded pullback (second derivatives), and
/// passes through every operator, fused ones too; the point z itself counts as a constant. While
/// recording is off, only the value is computed.
///
/// - Parameters:
///   - map: f. A cotangent that it transforms without saying that this differentiates again
///     (`transformingCotangent`) stops with its name, while recording is on.
///   - z: the point, [batch, ...], n numbers per sample; usually the solution.
///   - draws: directions per sample, at least 1; default 1, enough in training.
///   - distribution: default Rademacher.
///   - generator: for the directions.
/// - Returns: a scalar, not negative.
/// - Throws: what `map` throws.
/// - Complexity: one evaluation of `map` and `draws` pullbacks.
public func jacobianPenalty(
  of map: (Tensor) throws -> Tensor, at z: Tensor, draws: Int = 1,
  distribution: DirectionDistribution = .rademacher, using generator: inout Philox
) throws -> Tensor {
  expect(draws >= 1, "Hutchinson's estimator needs at least one direction, not \(draws)")
  expect(
    z.rank > 0 && z.count > 0,
    "the Jacobian of a state of shape \(z.shape) has no entries; it needs [batch, ...]")
  let (_, pullback) = try valueWithPullback(
    at: z.detached(), creatingGraph: isRecording, of: map)
  var sum = Tensor.zeros([], dtype: z.dtype)
  for _ in 0..<draws {
    let direction = directions(like: z, distribution, using: &generator)
    sum = sum + (try pullback(direction)).square().sum()
  }
  return sum / (Double(z.count) * Double(draws))
}

private func directions(
  like z: Tensor, _ distribution: DirectionDistribution, using generator: inout Philox
) -> Tensor {
  switch distribution {
  case .gaussian:
    return .normal(z.shape, dtype: z.dtype, using: &generator)
  case .rademacher:
    let draws = Tensor.uniform(z.shape, dtype: z.dtype, using: &generator)
    return Tensor(draws.scalars.map { $0 < 0.5 ? -1 : 1 }, shape: z.shape, dtype: z.dtype)
  }
}
