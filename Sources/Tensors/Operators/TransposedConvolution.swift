// The transpose of a convolution.

extension Tensor {
  /// The transposed 2-D convolution with a square kernel: the adjoint of `convolution2D`, plus a bias.
  ///
  /// With the same weight W, stride and padding, <y, convolution2D(x, W)> =
  /// <convolution2DTransposed(y, W), x> for every x and y. So where the convolution leads from an
  /// image to a smaller grid with other channels, this operator leads from such a grid back to the
  /// size and the channels of the image.
  ///
  /// - Parameters:
  ///   - weight: [in, out, kernel, kernel], as published models store it; here `in` is the number
  ///     of channels of this tensor.
  ///   - bias: [out], or nil.
  ///   - stride: the stride of the convolution; default 1.
  ///   - padding: the number of rows and columns that are cut off on each side; default 0.
  ///   - outputPadding: additional rows and columns at the end of the result. They are needed
  ///     because a convolution with a larger stride maps several sizes to one; must be less than
  ///     the stride. Default 0.
  /// - Returns: [batch, (height - 1) stride - 2 padding + kernel + outputPadding, likewise, out].
  /// - Complexity: that of `convolution2D` in the other direction; the tape holds only the input.
  public func convolution2DTransposed(
    _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0
  ) -> Tensor {
    expectSameDType("convolution2DTransposed", self, weight)
    expect(
      rank == 4 && weight.rank == 4 && weight.shape[0] == shape[3]
        && weight.shape[2] == weight.shape[3],
      "convolution2DTransposed needs an image [batch, height, width, in] and a weight [in, out, "
        + "kernel, kernel], not \(shape) and \(weight.shape)")
    expect(
      stride > 0 && padding >= 0 && (0..<stride).contains(outputPadding),
      "convolution2DTransposed needs a positive stride, a padding of 0 or more and an output padding "
        + "below the stride, not \(stride), \(padding) and \(outputPadding)")
    let (kernel, channels) = (weight.shape[2], weight.shape[1])
    expectBias(bias, of: channels, "convolution2DTransposed")
    let extents = [shape[1], shape[2]].map {
      ($0 - 1) * stride - 2 * padding + kernel + outputPadding
    }
    expect(
      extents.allSatisfy { $0 > 0 },
      "a padding of \(padding) cuts off all that a kernel of \(kernel) makes of \(shape)")
    let window = Window(
      image: [shape[0], extents[0], extents[1], channels], kernel: kernel, stride: stride,
      padding: padding)
    let matrix = weight.permuted([0, 2, 3, 1]).reshaped([shape[3], window.patchSize])
    let image = reshaped([window.outShape.elementCount, shape[3]]).matmul(matrix).spread(window)
    return bias.map { image + $0 } ?? image
  }
}
