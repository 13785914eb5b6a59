import Tensors

// Pooling of channels-last images [batch, height, width, channels], as layers; see the operators.

/// The largest element of every window, channel by channel.
public struct MaxPooling: Layer {
  /// The window's height and width.
  public let kernel: Int
  /// The distance between neighbouring windows.
  public let stride: Int
  /// On each side; what is padded is never the largest.
  public let padding: Int

  /// Pooling by windows.
  ///
  /// - Parameters:
  ///   - kernel: the window's height and width.
  ///   - stride: default the kernel.
  ///   - padding: at most half of the kernel; default 0.
  public init(kernel: Int, stride: Int? = nil, padding: Int = 0) {
    (self.kernel, self.stride, self.padding) = (kernel, stride ?? kernel, padding)
  }

  /// The largest elements of x, [batch, height, width, channels].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.maxPooled(kernel: kernel, stride: stride, padding: padding)
  }

  /// The largest elements of x.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

/// The mean of every window, channel by channel.
public struct AveragePooling: Layer {
  /// The window's height and width.
  public let kernel: Int
  /// The distance between neighbouring windows.
  public let stride: Int
  /// Zeros on each side, which count.
  public let padding: Int

  /// Pooling by windows.
  ///
  /// - Parameters:
  ///   - kernel: the window's height and width.
  ///   - stride: default the kernel.
  ///   - padding: at most half of the kernel; default 0.
  public init(kernel: Int, stride: Int? = nil, padding: Int = 0) {
    (self.kernel, self.stride, self.padding) = (kernel, stride ?? kernel, padding)
  }

  /// The means of x, [batch, height, width, channels].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.averagePooled(kernel: kernel, stride: stride, padding: padding)
  }

  /// The means of x.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

/// The means of the cells of a grid of given size, whatever the size of the image.
public struct AdaptiveAveragePooling: Layer {
  /// Rows of the result.
  public let height: Int
  /// Columns of the result.
  public let width: Int

  /// Pooling to a grid.
  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

  /// The means of x, [batch, height, width, channels] of the given size.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.adaptiveAveragePooled(height: height, width: width)
  }

  /// The means of x.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

/// The mean over all axes between the batch and the channels: [batch, ..., channels] to
/// [batch, channels].
public struct GlobalAveragePooling: Layer {
  /// A layer without parameters.
  public init() {}

  /// The means of x, [batch, channels].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    expect(x.rank > 2, "GlobalAveragePooling needs [batch, ..., channels], not \(x.shape)")
    return x.mean(alongAxes: Array(1..<x.rank - 1))
  }

  /// The means of x.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}
