import Tensors

// Pooling of channels-last images [batch, height, width, channels], as layers; see the operators.

/// The windows over which a pooling layer moves.
public struct PoolingWindow: Sendable, Equatable {
  /// The height and width of a window.
  public let kernel: Int
  /// The distance between neighbouring windows.
  public let stride: Int
  /// The width of the border on each side of the image.
  public let padding: Int

  /// Describes windows; whether they fit the image is checked when one is pooled.
  ///
  /// - Parameters:
  ///   - kernel: height and width.
  ///   - stride: the distance between neighbouring windows; default the kernel.
  ///   - padding: the width of the border on each side, at most half of the kernel; default 0.
  public init(kernel: Int, stride: Int? = nil, padding: Int = 0) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    self.padding = padding
  }
}

/// A layer that reduces every window to one number, channel by channel.
///
/// ```swift
/// MaxPooling(kernel: 3, stride: 2, padding: 1)
/// ```
public protocol WindowPooling: Layer {
  /// The windows.
  var window: PoolingWindow { get }
  /// Pooling by these windows.
  init(_ window: PoolingWindow)
  /// What the layer makes of x, [batch, height, width, channels].
  func callAsFunction(_ x: Tensor) -> Tensor
}

extension WindowPooling {
  /// Pooling by windows.
  ///
  /// - Parameters:
  ///   - kernel: the window's height and width.
  ///   - stride: the distance between neighbouring windows; default the kernel.
  ///   - padding: the width of the border, at most half of the kernel; default 0.
  public init(kernel: Int, stride: Int? = nil, padding: Int = 0) {
    self.init(PoolingWindow(kernel: kernel, stride: stride, padding: padding))
  }

  /// What the layer makes of x.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

/// The largest element of every window, channel by channel; elements of the border are never the
/// largest.
public struct MaxPooling: WindowPooling {
  /// The windows.
  public let window: PoolingWindow

  /// Pooling by these windows.
  public init(_ window: PoolingWindow) { self.window = window }

  /// The largest elements of x, [batch, height, width, channels].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.maxPooled(kernel: window.kernel, stride: window.stride, padding: window.padding)
  }
}

/// The mean of every window, channel by channel; the border consists of zeros, which count.
public struct AveragePooling: WindowPooling {
  /// The windows.
  public let window: PoolingWindow

  /// Pooling by these windows.
  public init(_ window: PoolingWindow) { self.window = window }

  /// The means of x, [batch, height, width, channels].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.averagePooled(kernel: window.kernel, stride: window.stride, padding: window.padding)
  }
}

/// The means of the cells of a grid of a given size, whatever the size of the image.
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
