import Tensors

/// Steps x <- P(x - s dL/dx) against a gradient, with a length s for each sample.
struct GradientStep {
  let loss: (Tensor) throws -> Tensor
  let set: ConvexSet
  private(set) var sizes: [Double]

  /// The length given, or 1 / the largest curvature of each sample at x, by twenty power iterations.
  ///
  /// Stops when the length is not positive.
  init(
    _ size: Double?, of loss: @escaping (Tensor) throws -> Tensor, over set: ConvexSet,
    at x: Tensor
  ) throws {
    if let size { expectStepSize(size) }
    (self.loss, self.set) = (loss, set)
    sizes = Array(repeating: size ?? 1, count: x.shape[0])
    guard size == nil else { return }
    let near = try Linearization(at: x) { x in try gradientOfLosses(loss, at: x) }
    var generator = Philox(seed: 20)
    var direction = Tensor.normal(x.shape, dtype: x.dtype, using: &generator)
    for _ in 0..<20 {
      let norms = direction.normsOfSamples
      direction = direction.scalingSamples(by: norms.map { $0 > 0 ? 1 / $0 : 0 })
      direction = try near.pullback(direction)
    }
    sizes = direction.normsOfSamples.map { $0 > 0 && $0.isFinite ? 1 / $0 : 1 }
  }

  /// The equation x = P(x - s dL/dx), which holds at the minimum.
  var equation: Equation<Tensor> {
    let (loss, set, sizes) = (loss, set, sizes)
    return .fixedPoint { x in
      try set.projection(x - gradientOfLosses(loss, at: x).scalingSamples(by: sizes))
    }
  }

  /// Ten steps, each shortened until L falls as if its curvature were 1 / s at most.
  ///
  /// Until L(y) <= L(x) + <dL/dx, y - x> + |y - x|^2 / (2 s): Beck and Teboulle 2009.
  ///
  /// - Parameter start: x, a point of the set.
  /// - Returns: the point that the steps lead to.
  /// - Throws: what the loss throws.
  mutating func shorten(from start: Tensor) throws -> Tensor {
    var x = start
    for _ in 0..<10 {
      let (before, gradient) = try (
        checkedLosses(loss, at: x).scalars, gradientOfLosses(loss, at: x)
      )
      for _ in 0..<50 {
        let y = try set.projection(x - gradient.scalingSamples(by: sizes))
        let (after, way) = (try checkedLosses(loss, at: y).scalars, y - x)
        let (promises, lengths) = (
          way.innerProductsOfSamples(with: gradient), way.normsOfSamples
        )
        let isTooLong = sizes.indices.map { row in
          let rounding = 8 * x.dtype.machineEpsilon * abs(before[row])
          let bound = promises[row] + lengths[row] * lengths[row] / (2 * sizes[row])
          return !(after[row] - before[row] <= bound + rounding) && before[row].isFinite
        }
        guard isTooLong.contains(true) else {
          x = y
          break
        }
        for row in sizes.indices where isTooLong[row] { sizes[row] /= 2 }
      }
    }
    return x
  }
}

/// Stops when a step against a gradient is not one.
func expectStepSize(_ size: Double) {
  expect(size > 0, "a step against the gradient has a positive size, not \(size)")
}
