import CKernels

/// The running means of a parameter's gradient and squared gradient in Adam.
package struct AdamMoments: Sendable {
  /// The running mean of the gradients, exp_avg in checkpoints.
  package private(set) var first: Tensor
  /// The running mean of the squared gradients, exp_avg_sq in checkpoints.
  package private(set) var second: Tensor

  /// Moments from a checkpoint; they have the parameter's shape and dtype.
  package init(first: Tensor, second: Tensor) {
    expect(
      first.shape == second.shape && first.dtype == second.dtype,
      "Adam's moments have one shape, not \(first.shape) and \(second.shape)")
    self.first = first.detached()
    self.second = second.detached()
  }

  /// Moments before the first step: zeros.
  package init(for parameter: Tensor) {
    self.init(first: parameter.zerosLike(), second: parameter.zerosLike())
  }

  /// One step of Adam (Kingma and Ba 2015, algorithm 1) for one parameter.
  ///
  /// With g = scale * gradient: m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2, and
  /// the result is parameter - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
  ///
  /// - Parameters:
  ///   - parameter: the current value.
  ///   - gradient: dL/dparameter, of the same shape and dtype.
  ///   - scale: a factor for the gradient, by which norms are clipped.
  ///   - rate: the learning rate.
  ///   - betas: the decay rates of the two means.
  ///   - epsilon: keeps the quotient defined where v is 0.
  ///   - step: t, the number of the step; 1 for the first one.
  /// - Returns: the new value, not recorded.
  package mutating func step(
    _ parameter: Tensor, gradient: Tensor, scale: Double, rate: Double,
    betas: (Double, Double), epsilon: Double, step: Int
  ) -> Tensor {
    expect(
      gradient.shape == parameter.shape && gradient.dtype == parameter.dtype
        && first.shape == parameter.shape && first.dtype == parameter.dtype,
      "Adam needs parameter, gradient and moments of one kind, not \(parameter.dtype) "
        + "\(parameter.shape), \(gradient.dtype) \(gradient.shape) and \(first.dtype) "
        + "\(first.shape)")
    let (m, v) = (first.ownedStorage(), second.ownedStorage())
    let count = parameter.count
    let (c1, c2) = (1 - power(betas.0, step), 1 - power(betas.1, step))
    let value = Tensor(shape: parameter.shape, dtype: parameter.dtype) { out in
      switch parameter.dtype {
      case .float32:
        ck_adam_f32(
          parameter.storage.f32, gradient.storage.f32, m.f32, v.f32, out.f32, count, rate,
          betas.0, betas.1, epsilon, c1, c2, scale)
      case .float64:
        ck_adam_f64(
          parameter.storage.f64, gradient.storage.f64, m.f64, v.f64, out.f64, count, rate,
          betas.0, betas.1, epsilon, c1, c2, scale)
      }
    }
    first = Tensor(m, parameter.shape)
    second = Tensor(v, parameter.shape)
    return value
  }
}

/// beta^t by repeated squaring.
private func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, square, rest) = (1.0, base, exponent)
  while rest > 0 {
    if rest & 1 == 1 { result *= square }
    square *= square
    rest >>= 1
  }
  return result
}
