import CKernels

// Pooling of channels-last images: [batch, height, width, channels], channel by channel.

extension Tensor {
  /// The mean of every window of a square kernel.
  ///
  /// - Parameters:
  ///   - kernel: the window's height and width.
  ///   - stride: the distance between neighbouring windows; default the kernel.
  ///   - padding: the width of the border of zeros on each side, at most half of the kernel;
  ///     default 0. The zeros count in the mean, as in PyTorch.
  /// - Returns: [batch, (height + 2 padding - kernel) / stride + 1, likewise, channels].
  /// - Complexity: the patches of all windows are formed, and formed again in the backward pass.
  public func averagePooled(kernel: Int, stride: Int? = nil, padding: Int = 0) -> Tensor {
    let window = poolingWindow("averagePooled", kernel, stride ?? kernel, padding)
    let rows = patches(window).reshaped([
      window.outShape.elementCount, kernel * kernel, shape[3],
    ])
    return rows.mean(alongAxis: 1).reshaped(window.outShape + [shape[3]])
  }

  /// The largest element of every window of a square kernel; NaN if any element of the window is
  /// NaN.
  ///
  /// Where several elements are equal to it, the first one, row by row, gets the whole derivative.
  ///
  /// - Parameters:
  ///   - kernel: the window's height and width.
  ///   - stride: the distance between neighbouring windows; default the kernel.
  ///   - padding: the width of the border on each side, at most half of the kernel; default 0.
  ///     Elements of the border are never the largest.
  /// - Returns: [batch, (height + 2 padding - kernel) / stride + 1, likewise, channels].
  /// - Complexity: the tape holds a place (four bytes) for each element of the result.
  public func maxPooled(kernel: Int, stride: Int? = nil, padding: Int = 0) -> Tensor {
    let window = poolingWindow("maxPooled", kernel, stride ?? kernel, padding)
    return flattened().gathered(placesOfLargest(window))
  }

  /// The mean of each cell of a grid of the given size, whatever the size of the image.
  ///
  /// Cell i of n along an axis of extent m holds the elements floor(i m / n) to ceil((i + 1) m /
  /// n) - 1, so cells overlap if n does not divide m. PyTorch's AdaptiveAvgPool2d does the same.
  ///
  /// - Parameters:
  ///   - height: the number of rows of the result; height 1 and width 1 give the mean of the image.
  ///   - width: the number of columns of the result.
  /// - Returns: [batch, height, width, channels].
  /// - Complexity: one product with a matrix of means for each of the two axes.
  public func adaptiveAveragePooled(height: Int, width: Int) -> Tensor {
    expect(
      rank == 4 && shape[1] > 0 && shape[2] > 0 && height > 0 && width > 0,
      "adaptiveAveragePooled needs an image [batch, height, width, channels] and positive sizes, not "
        + "\(shape) and \(height) x \(width)")
    let (batch, rows, columns, channels) = (shape[0], shape[1], shape[2], shape[3])
    let byRows = Tensor.means(of: rows, in: height, dtype)
      .matmul(reshaped([batch, rows, columns * channels]))
    return Tensor.means(of: columns, in: width, dtype)
      .matmul(byRows.reshaped([batch * height, columns, channels]))
      .reshaped([batch, height, width, channels])
  }

  /// The matrix [cells, extent] by which an axis is averaged.
  private static func means(of extent: Int, in cells: Int, _ dtype: DType) -> Tensor {
    var numbers = [Double](repeating: 0, count: cells * extent)
    for cell in 0..<cells {
      let (first, end) = (cell * extent / cells, ((cell + 1) * extent + cells - 1) / cells)
      for index in first..<end { numbers[cell * extent + index] = 1 / Double(end - first) }
    }
    return Tensor(numbers, shape: [cells, extent], dtype: dtype)
  }

  private func poolingWindow(
    _ name: String, _ kernel: Int, _ stride: Int, _ padding: Int
  ) -> Window {
    expect(rank == 4, "\(name) needs an image [batch, height, width, channels], not \(shape)")
    expect(
      kernel > 0 && stride > 0 && padding >= 0 && 2 * padding <= kernel,
      "\(name) needs a positive kernel and stride and a padding of at most half of the kernel, not "
        + "\(kernel), \(stride) and \(padding)")
    expect(
      shape[1] + 2 * padding >= kernel && shape[2] + 2 * padding >= kernel,
      "a window of \(kernel) does not fit into an image of shape \(shape) padded by \(padding)")
    return Window(image: shape, kernel: kernel, stride: stride, padding: padding)
  }

  /// The places of the largest elements of all windows, counted through the whole tensor.
  private func placesOfLargest(_ window: Window) -> IntTensor {
    expect(count <= Int(Int32.max), "places in \(shape) do not fit into 32 bits")
    let result = window.outShape + [shape[3]]
    let places = [Int32](unsafeUninitializedCapacity: result.elementCount) { buffer, initialized in
      initialized = result.elementCount
      guard initialized > 0 else { return }
      let (kernel, stride, padding) = (window.kernel, window.stride, window.padding)
      switch dtype {
      case .float32:
        ck_max_pool_places_f32(
          storage.f32, buffer.baseAddress, shape[0], shape[1], shape[2], shape[3], kernel, stride,
          padding, window.outHeight, window.outWidth)
      case .float64:
        ck_max_pool_places_f64(
          storage.f64, buffer.baseAddress, shape[0], shape[1], shape[2], shape[3], kernel, stride,
          padding, window.outHeight, window.outWidth)
      }
    }
    return IntTensor(elements: places, shape: result)
  }
}
