// Norms that are composed of others.

extension Tensor {
  /// x / sqrt(mean of x^2 + epsilon) * gain over the last axis: nothing is subtracted.
  ///
  /// Zhang and Sennrich 2019, equation 4.
  ///
  /// - Parameters:
  ///   - gain: [width].
  ///   - epsilon: default 1e-5.
  /// - Returns: a tensor of the same shape.
  public func rmsNorm(gain: Tensor, epsilon: Double = 1e-5) -> Tensor {
    expectSameDType("rmsNorm", self, gain)
    expect(
      rank > 0 && gain.shape == [shape[-1]],
      "rmsNorm of \(shape) needs a gain of its last extent, not \(gain.shape)")
    return self * (square().mean(alongAxis: -1, keepingAxis: true) + epsilon).rsqrt() * gain
  }

  /// Group norm: mean and variance over everything but the batch for each group of neighbouring channels,
  /// a gain and a bias for each channel.
  ///
  /// Wu and He 2018. One group is the `groupNorm` without this parameter, which is faster.
  ///
  /// - Parameters:
  ///   - gain: [channels].
  ///   - bias: [channels].
  ///   - groups: a divisor of the channels.
  ///   - epsilon: default 1e-5.
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
