// Reductions over several axes, and what is made of sums.

extension Tensor {
  /// The sum along several axes.
  ///
  /// - Parameters:
  ///   - axes: negative ones count from the end; of none, the tensor itself.
  ///   - keepingAxes: whether they stay, with extent 1; default false.
  /// - Returns: the sums.
  public func sum(alongAxes axes: [Int], keepingAxes: Bool = false) -> Tensor {
    shape.resolve(axes).reversed().reduce(self) { $0.sum(alongAxis: $1, keepingAxis: keepingAxes) }
  }

  /// The mean along several axes; see `sum(alongAxes:keepingAxes:)`.
  public func mean(alongAxes axes: [Int], keepingAxes: Bool = false) -> Tensor {
    let count = shape.resolve(axes).reduce(1) { $0 * shape[$1] }
    return sum(alongAxes: axes, keepingAxes: keepingAxes) / Double(count)
  }

  /// The mean square of the distance from the mean along several axes.
  ///
  /// - Parameters:
  ///   - axes: negative ones count from the end; default all.
  ///   - correction: the sum is divided by the number of elements minus this. Default 0, as in NumPy and
  ///     JAX; PyTorch's is 1, which makes the estimate from a sample unbiased.
  ///   - keepingAxes: whether they stay, with extent 1; default false.
  /// - Returns: variances, by two passes over the elements.
  public func variance(
    alongAxes axes: [Int]? = nil, correction: Int = 0, keepingAxes: Bool = false
  ) -> Tensor {
    let axes = shape.resolve(axes ?? Array(0..<rank))
    let count = axes.reduce(1) { $0 * shape[$1] }
    let centred = self - mean(alongAxes: axes, keepingAxes: true)
    return centred.square().sum(alongAxes: axes, keepingAxes: keepingAxes)
      / Double(count - correction)
  }

  /// The variance along one axis; see `variance(alongAxes:correction:keepingAxes:)`.
  public func variance(
    alongAxis axis: Int, correction: Int = 0, keepingAxis: Bool = false
  ) -> Tensor {
    variance(alongAxes: [axis], correction: correction, keepingAxes: keepingAxis)
  }

  /// The square root of the variance, whose gradient is NaN where that is 0; see
  /// `variance(alongAxes:correction:keepingAxes:)`.
  public func standardDeviation(
    alongAxes axes: [Int]? = nil, correction: Int = 0, keepingAxes: Bool = false
  ) -> Tensor {
    variance(alongAxes: axes, correction: correction, keepingAxes: keepingAxes).sqrt()
  }

  /// The standard deviation along one axis; see `variance(alongAxes:correction:keepingAxes:)`.
  public func standardDeviation(
    alongAxis axis: Int, correction: Int = 0, keepingAxis: Bool = false
  ) -> Tensor {
    variance(alongAxes: [axis], correction: correction, keepingAxes: keepingAxis).sqrt()
  }

  /// log of the sum of e^x along several axes, without overflow; its gradient is the softmax.
  ///
  /// -infinity where all elements are, and of no elements.
  ///
  /// - Parameters:
  ///   - axes: negative ones count from the end; default all.
  ///   - keepingAxes: whether they stay, with extent 1; default false.
  /// - Returns: the logarithms.
  public func logSumExp(alongAxes axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    mergingLast(axes ?? Array(0..<rank), keepingAxes) { rows in
      guard rows.shape[-1] > 0 else { return rows.sum(alongAxis: -1).exp().log() - .infinity }
      // Any shift gives the same value and gradient, so that this one is a constant.
      let largest = withoutRecording { () -> Tensor in
        let largest = rows.max(alongAxis: -1, keepingAxis: true)
        return .where(largest.isFinite, largest, 0)
      }
      return (rows - largest).exp().sum(alongAxis: -1).log() + largest.squeezed(axis: -1)
    }
  }

  /// The product along an axis; of none, 1.
  ///
  /// By halves, so that the gradient is right at zeros too.
  /// - Complexity: two passes over the elements, in as many operators as the extent has binary digits.
  public func product(alongAxis axis: Int, keepingAxis: Bool = false) -> Tensor {
    let axis = shape.resolve(axis)
    var rest = self
    if shape[axis] == 0 { rest = sum(alongAxis: axis, keepingAxis: true) + 1 }
    while rest.shape[axis] > 1 {
      let (extent, half) = (rest.shape[axis], rest.shape[axis] / 2)
      var products =
        rest.slice(0..<half, alongAxis: axis) * rest.slice(half..<2 * half, alongAxis: axis)
      if extent > 2 * half {
        products = .concatenated(
          [products, rest.slice(2 * half..<extent, alongAxis: axis)], alongAxis: axis)
      }
      rest = products
    }
    return keepingAxis ? rest : rest.squeezed(axis: axis)
  }

  /// The product of all elements, a scalar; see `product(alongAxis:keepingAxis:)`.
  public func product() -> Tensor { flattened().product(alongAxis: 0) }
}
