import CKernels

// Convolutions of channels-last images, [batch, height, width, channels]. In this layout a 1x1
// convolution is one matrix product, and a softmax over a vocabulary of channels reads contiguous
// memory.

extension Tensor {
  /// The 2-D convolution (cross-correlation) with a square kernel.
  ///
  /// - Parameters:
  ///   - weight: [out, in, kernel, kernel], as published models store it.
  ///   - bias: [out], or nil.
  ///   - stride: the distance between neighbouring positions of the kernel; default 1.
  ///   - padding: the width of the border of zeros on each side; default 0.
  /// - Returns: [batch, (height + 2 padding - kernel) / stride + 1, likewise, out].
  ///
  /// The backward pass forms the patches again instead of keeping them, so the tape holds only the
  /// input.
  public func convolution2D(
    _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0
  ) -> Tensor {
    expectSameDType("convolution2D", self, weight)
    expect(
      rank == 4 && weight.rank == 4 && weight.shape[1] == shape[3]
        && weight.shape[2] == weight.shape[3],
      "convolution2D needs an image [batch, height, width, in] and a weight [out, in, kernel, "
        + "kernel], not \(shape) and \(weight.shape)")
    let (width, kernel) = (weight.shape[0], weight.shape[2])
    expect(
      stride > 0 && padding >= 0,
      "convolution2D needs a positive stride and a padding of 0 or more, not \(stride) and "
        + "\(padding)")
    expectBias(bias, of: width, "convolution2D")
    if kernel == 1, stride == 1, padding == 0 {
      return linear(weight.reshaped([width, shape[3]]), bias: bias)
    }
    expect(
      shape[1] + 2 * padding >= kernel && shape[2] + 2 * padding >= kernel,
      "a kernel of \(kernel) does not fit into an image of shape \(shape) padded by \(padding)")
    let window = Window(image: shape, kernel: kernel, stride: stride, padding: padding)
    let matrix = weight.permuted([0, 2, 3, 1]).reshaped([width, window.patchSize])
    let product = correlated(with: matrix, window)
    return bias.map { product + $0 } ?? product
  }

  /// The product of the patches with matrix^T, [batch, height, width, out]; `matrix` is [out,
  /// patchSize].
  private func correlated(with matrix: Tensor, _ window: Window) -> Tensor {
    let outShape = window.outShape + [matrix.shape[0]]
    let rows = window.outShape.elementCount
    return withoutRecording { patches(window).linear(matrix).reshaped(outShape) }
      .recorded(
        from: [self, matrix], operation: "convolution2D",
        { v, _, needs in
          let flat = v.reshaped([rows, matrix.shape[0]])
          return [
            needs[0] ? flat.matmul(matrix).spread(window) : nil,
            needs[1] ? flat.matmul(patches(window), transposingSelf: true) : nil,
          ]
        })
  }

  /// Rearranges [batch, height, width, 4 channels] to [batch, 2 height, 2 width, channels].
  ///
  /// Input channel 4c + 2i + j of a pixel becomes channel c of its sub-pixel (i, j), as in
  /// PyTorch's PixelShuffle(2).
  public func pixelShuffled() -> Tensor {
    expect(
      rank == 4 && shape[3] % 4 == 0,
      "pixelShuffled needs [batch, height, width, 4 channels], not \(shape)")
    let channels = shape[3] / 4
    return pixelsMoved(to: [shape[0], 2 * shape[1], 2 * shape[2], channels], isBack: false)
  }

  /// Moves pixels to the target shape: the shuffle, or its inverse, which is also its transpose.
  private func pixelsMoved(to target: Shape, isBack: Bool) -> Tensor {
    let small = isBack ? target : shape
    let (batch, height, width, channels) = (small[0], small[1], small[2], small[3] / 4)
    let backward: Int32 = isBack ? 1 : 0
    let before = shape
    return Tensor(shape: target, dtype: dtype, operation: "pixelShuffled") { out in
      switch dtype {
      case .float32:
        ck_pixel_shuffle2_f32(storage.f32, out.f32, batch, height, width, channels, backward)
      case .float64:
        ck_pixel_shuffle2_f64(storage.f64, out.f64, batch, height, width, channels, backward)
      }
    }.recorded(
      from: [self], operation: "pixelShuffled",
      { v, _, _ in [v.pixelsMoved(to: before, isBack: !isBack)] })
  }
}

/// The positions of a convolution's kernel on an image.
struct Window {
  let image: Shape
  let kernel: Int
  let stride: Int
  let padding: Int
  let outHeight: Int
  let outWidth: Int

  init(image: Shape, kernel: Int, stride: Int, padding: Int) {
    self.image = image
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    outHeight = (image[1] + 2 * padding - kernel) / stride + 1
    outWidth = (image[2] + 2 * padding - kernel) / stride + 1
  }

  var patchSize: Int { kernel * kernel * image[3] }
  var outShape: Shape { [image[0], outHeight, outWidth] }
}

extension Tensor {
  /// The patches of an image, [batch * outHeight * outWidth, kernel * kernel * channels].
  func patches(_ window: Window) -> Tensor {
    let image = window.image
    return Tensor(shape: [window.outShape.elementCount, window.patchSize], dtype: dtype) { out in
      switch dtype {
      case .float32:
        ck_im2col_f32(
          storage.f32, out.f32, image[0], image[1], image[2], image[3], window.kernel,
          window.stride, window.padding, window.outHeight, window.outWidth)
      case .float64:
        ck_im2col_f64(
          storage.f64, out.f64, image[0], image[1], image[2], image[3], window.kernel,
          window.stride, window.padding, window.outHeight, window.outWidth)
      }
    }.recorded(from: [self], { v, _, _ in [v.spread(window)] })
  }

  /// The transpose of `patches`: each pixel is the sum of its copies in the patches.
  func spread(_ window: Window) -> Tensor {
    let image = window.image
    let result = Tensor.zeros(image, dtype: dtype)
    switch dtype {
    case .float32:
      ck_col2im_f32(
        storage.f32, result.storage.f32, image[0], image[1], image[2], image[3], window.kernel,
        window.stride, window.padding, window.outHeight, window.outWidth)
    case .float64:
      ck_col2im_f64(
        storage.f64, result.storage.f64, image[0], image[1], image[2], image[3], window.kernel,
        window.stride, window.padding, window.outHeight, window.outWidth)
    }
    return result.recorded(from: [self], { v, _, _ in [v.patches(window)] })
  }
}

/// Stops unless a convolution's bias has a number for each channel of the result.
func expectBias(_ bias: Tensor?, of channels: Int, _ operation: StaticString) {
  guard let bias else { return }
  expect(
    bias.shape == [channels],
    "\(operation) needs a bias of shape [\(channels)], not \(bias.shape)")
}
