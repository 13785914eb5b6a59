// Reductions over several axes, and statistics made of sums.

extension Tensor {
  /// The sum along several axes.
  ///
  /// - Parameters:
  ///   - axes: the axes; negative ones count from the end. An empty list gives the tensor itself.
  ///   - keepingAxes: whether the axes stay, with extent 1; default false.
  /// - Returns: the sums.
  public func sum(alongAxes axes: [Int], keepingAxes: Bool = false) -> Tensor {
    shape.resolve(axes).reversed().reduce(self) { $0.sum(alongAxis: $1, keepingAxis: keepingAxes) }
  }

  /// The mean along several axes; see `sum(alongAxes:keepingAxes:)`.
  public func mean(alongAxes axes: [Int], keepingAxes: Bool = false) -> Tensor {
    let count = shape.resolve(axes).reduce(1) { $0 * shape[$1] }
    return sum(alongAxes: axes, keepingAxes: keepingAxes) / Double(count)
  }

  /// The variance along several axes: the mean square of the distance from the mean.
  ///
  /// - Parameters:
  ///   - axes: the axes; negative ones count from the end. Default all.
  ///   - correction: a number that is subtracted from the count of elements by which the sum is
  ///     divided. Default 0, as in NumPy and JAX; PyTorch's default is 1, which makes the estimate
  ///     from a sample unbiased.
  ///   - keepingAxes: whether the axes stay, with extent 1; default false.
  /// - Returns: the variances.
  /// - Complexity: two passes over the elements.
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

  /// The square root of the variance; its gradient is NaN where the variance is 0.
  ///
  /// See `variance(alongAxes:correction:keepingAxes:)`.
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

  /// The logarithm of the sum of e^x along several axes, computed without overflow; its gradient is
  /// the softmax.
  ///
  /// The result is -infinity where all elements are -infinity, or where there are no elements.
  ///
  /// - Parameters:
  ///   - axes: the axes; negative ones count from the end. Default all.
  ///   - keepingAxes: whether the axes stay, with extent 1; default false.
  /// - Returns: the logarithms.
  public func logSumExp(alongAxes axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    mergingLast(axes ?? Array(0..<rank), keepingAxes) { rows in
      guard rows.shape[-1] > 0 else { return rows.sum(alongAxis: -1).exp().log() - .infinity }
      // Every shift gives the same value and gradient, so the shift may be a constant.
      let largest = withoutRecording { () -> Tensor in
        let largest = rows.max(alongAxis: -1, keepingAxis: true)
        return .where(largest.isFinite, largest, 0)
      }
      return (rows - largest).exp().sum(alongAxis: -1).log() + largest.squeezed(axis: -1)
    }
  }

  /// The product along an axis; 1 if the axis is empty.
  ///
  /// Elements are multiplied by halves of the axis, so that the gradient is right where elements
  /// are zero too.
  /// - Complexity: two passes over the elements; the number of operators is that of the binary
  ///   digits of the extent.
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
