// Norms that are composed of other operators.

extension Tensor {
  /// x / sqrt(mean of x^2 + epsilon) * gain over the last axis.
  ///
  /// Unlike layer norm, it does not subtract the mean.
  ///
  /// Source: Zhang and Sennrich 2019, equation 4.
  ///
  /// - Parameters:
  ///   - gain: the factor of each element, [width].
  ///   - epsilon: keeps the quotient defined where all elements are 0; default 1e-5.
  /// - Returns: a tensor of the same shape.
  public func rmsNorm(gain: Tensor, epsilon: Double = 1e-5) -> Tensor {
    expectSameDType("rmsNorm", self, gain)
    expect(
      rank > 0 && gain.shape == [shape[-1]],
      "rmsNorm of \(shape) needs a gain of its last extent, not \(gain.shape)")
    return self * (square().mean(alongAxis: -1, keepingAxis: true) + epsilon).rsqrt() * gain
  }

  /// Group norm: mean and variance are taken over everything but the batch, for each group of
  /// neighbouring channels; then each channel has a gain and a bias.
  ///
  /// Source: Wu and He 2018. For one group, `groupNorm` without this parameter is faster.
  ///
  /// - Parameters:
  ///   - gain: the factor of each channel, [channels].
  ///   - bias: the summand of each channel, [channels].
  ///   - groups: the number of groups, a divisor of the number of channels.
  ///   - epsilon: keeps the quotient defined where the variance is 0; default 1e-5.
  /// - Returns: a tensor of the same shape [batch, ..., channels].
  public func groupNorm(
    gain: Tensor, bias: Tensor, groups: Int, epsilon: Double = 1e-5
  ) -> Tensor {
    if groups == 1 { return groupNorm(gain: gain, bias: bias, epsilon: epsilon) }
    expectSameDType("groupNorm", self, gain, bias)
    expect(
      rank >= 2 && gain.shape == [shape[-1]] && bias.shape == gain.shape,
      "groupNorm of \(shape) needs a gain and a bias of its last extent, not \(gain.shape) and "
        + "\(bias.shape)")
    expect(
      groups > 0 && shape[-1] % groups == 0,
      "\(groups) groups do not divide the \(shape[-1]) channels of \(shape)")
    let (batch, width) = (shape[0], shape[-1] / groups)
    let pixels = batch == 0 || width == 0 ? 0 : count / (batch * shape[-1])
    // Each group of an image becomes an image of its own.
    let normed = reshaped([batch, pixels, groups, width]).permuted([0, 2, 1, 3])
      .reshaped([batch * groups, pixels, width])
      .groupNorm(
        gain: .ones([width], dtype: dtype), bias: .zeros([width], dtype: dtype), epsilon: epsilon)
    return normed.reshaped([batch, groups, pixels, width]).permuted([0, 2, 1, 3]).reshaped(shape)
      * gain + bias
  }
}
