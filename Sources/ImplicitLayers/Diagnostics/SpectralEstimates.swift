import Foundation
import Tensors

/// The spectral radius of J = df/dz at a point, estimated sample by sample.
///
/// v <- J^T v / |J^T v|; the estimate is the geometric mean of the growth |J^T v| over the second
/// half of the iterations. Unlike v^T J^T v it is right for complex pairs of eigenvalues: the
/// direction turns, but on average the length grows by the modulus.
///
/// - Parameters:
///   - map: f.
///   - z: the point, [batch, ...].
///   - iterations: at least 2; default 64.
///   - generator: for the first direction.
/// - Returns: one estimate per sample; NaN where a product is not finite. It is neither an upper
///   nor a lower bound.
/// - Throws: what `map` throws.
/// - Complexity: one evaluation of `map` and one pullback an iteration.
public func spectralRadius(
  of map: (Tensor) throws -> Tensor, at z: Tensor, iterations: Int = 64,
  using generator: inout Philox
) throws -> [Double] {
  expect(iterations >= 2, "the growth is averaged over at least 2 iterations, not \(iterations)")
  let (_, pullback) = try valueWithPullback(at: z.detached(), of: map)
  return try withoutRecording {
    var direction = unitDirection(like: z, using: &generator)
    var logarithms = [Double](repeating: 0, count: z.shape[0])
    let skipped = iterations - iterations / 2
    for iteration in 0..<iterations {
      direction = try pullback(direction)
      let growth = direction.normsOfSamples
      direction = direction.scalingSamples(by: growth.map { $0 > 0 ? 1 / $0 : 0 })
      guard iteration >= skipped else { continue }
      for sample in growth.indices { logarithms[sample] += log(growth[sample]) }
    }
    return logarithms.map { exp($0 / Double(iterations / 2)) }
  }
}

/// The spectral norm |J|_2 of J = df/dz at a point, estimated sample by sample.
///
/// Power iteration x <- J J^T x with exact products from both sides. Beside the spectral radius it
/// shows how far from normal J is: |J|_2 >= 1 with a radius below 1 means that the iteration may
/// grow before it contracts, and that no Lipschitz certificate exists in this norm.
///
/// - Parameters:
///   - map: f.
///   - z: the point, [batch, ...].
///   - iterations: at least 1; default 64.
///   - generator: for the first direction.
/// - Returns: |J^T x| for a unit vector x, per sample: a lower bound of |J|_2, up to rounding.
/// - Throws: what `map` throws.
/// - Complexity: one evaluation of `map`, one product from each side an iteration; see
///   `Linearization` for maps of which nothing but the pullback is known.
public func spectralNorm(
  of map: (Tensor) throws -> Tensor, at z: Tensor, iterations: Int = 64,
  using generator: inout Philox
) throws -> [Double] {
  expect(iterations >= 1, "a power iteration takes at least one step, not \(iterations)")
  return try withoutRecording {
    let near = try Linearization(at: z.detached(), of: map)
    var x = unitDirection(like: z, using: &generator)
    var largest = [Double](repeating: 0, count: z.shape[0])
    for _ in 0...iterations {
      let image = try near.pullback(x)
      largest = zip(largest, image.normsOfSamples).map { $1.isNaN ? $1 : max($0, $1) }
      let next = try near.pushforward(image)
      x = next.scalingSamples(by: next.normsOfSamples.map { $0 > 0 ? 1 / $0 : 0 })
    }
    return largest
  }
}

private func unitDirection(like z: Tensor, using generator: inout Philox) -> Tensor {
  let direction = Tensor.normal(z.shape, dtype: z.dtype, using: &generator)
  return direction.scalingSamples(by: direction.normsOfSamples.map { $0 > 0 ? 1 / $0 : 0 })
}
