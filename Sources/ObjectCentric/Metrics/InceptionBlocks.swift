import Tensors

/// Several branches that work on the same input; their channels are joined.
struct InceptionBlock: Sendable {
  /// One step of a branch.
  indirect enum Step: Sendable {
    case unit(ConvolutionUnit)
    /// Pooling over 3 x 3 positions.
    case pool(Pooling, stride: Int, padding: Int)
    /// Branches into which this branch is divided.
    case fork([ConvolutionUnit])
  }

  let branches: [[Step]]

  func callAsFunction(_ x: Tensor) -> Tensor {
    Tensor.concatenated(
      branches.map { steps in
        steps.reduce(x) { x, step in
          switch step {
          case .unit(let unit): unit(x)
          case .pool(let pooling, let stride, let padding):
            x.pooled(pooling, stride: stride, padding: padding)
          case .fork(let units): Tensor.concatenated(units.map { $0(x) }, alongAxis: 3)
          }
        }
      }, alongAxis: 3)
  }
}

/// A convolution, a batch norm with the stored statistics of training, and a rectifier.
///
/// The norm y = (c - mean) gain / sqrt(variance + 1e-3) + bias is merged into the convolution: as a
/// factor for each channel of the weight, and an offset.
struct ConvolutionUnit: Sendable {
  /// The weight: [out, in, kernel, kernel] for square kernels, otherwise [out, taps * in] with the
  /// taps in order.
  let weight: Tensor
  let offset: Tensor
  let kernel: (height: Int, width: Int)
  let stride: Int
  let padding: (height: Int, width: Int)

  func callAsFunction(_ x: Tensor) -> Tensor {
    if kernel == (1, 1) {
      return x.linear(
        weight.reshaped([weight.shape[0], weight.shape[1]]), bias: offset, rectified: true)
    }
    if kernel.height == kernel.width {
      return x.convolution2D(weight, bias: offset, stride: stride, padding: padding.height).relu()
    }
    // The kernel extends along one axis, so the shifted images are joined and multiplied by one
    // matrix.
    let axis = kernel.height > 1 ? 1 : 2
    let (taps, before) = (max(kernel.height, kernel.width), max(padding.height, padding.width))
    let extent = x.shape[axis]
    let padded = x.padded(before: before, to: extent + 2 * before, alongAxis: axis)
    let shifted = (0..<taps).map { padded.slice($0..<$0 + extent, alongAxis: axis) }
    return Tensor.concatenated(shifted, alongAxis: 3)
      .linear(weight, bias: offset, rectified: true)
  }
}

/// Reads the weights of units and blocks by the port's names.
struct InceptionWeights {
  let tensor: (String) throws -> Tensor

  private func checked(_ name: String, _ shape: Shape) throws -> Tensor {
    let found = try tensor(name).detached().converted(to: .float32)
    guard found.shape == shape else {
      throw InceptionError(name: name, found: found.shape, needed: shape)
    }
    return found
  }

  /// A unit; by default the padding keeps the size of the image.
  func unit(
    _ name: String, _ from: Int, _ to: Int, kernel: (Int, Int) = (1, 1), stride: Int = 1,
    padding: (Int, Int)? = nil
  ) throws -> ConvolutionUnit {
    let weight = try checked("\(name).conv.weight", [to, from, kernel.0, kernel.1])
    let gain = try checked("\(name).bn.weight", [to])
    let bias = try checked("\(name).bn.bias", [to])
    let mean = try checked("\(name).bn.running_mean", [to])
    let variance = try checked("\(name).bn.running_var", [to])
    let factor = gain / (variance + 1e-3).sqrt()
    var scaled = weight * factor.reshaped([to, 1, 1, 1])
    if kernel.0 != kernel.1 {
      scaled = scaled.permuted([0, 2, 3, 1]).reshaped([to, kernel.0 * kernel.1 * from])
    }
    return ConvolutionUnit(
      weight: scaled, offset: bias - mean * factor, kernel: kernel, stride: stride,
      padding: padding ?? (kernel.0 / 2, kernel.1 / 2))
  }

  /// A block on 35 x 35 positions.
  func blockA(_ name: String, _ from: Int, pooled: Int) throws -> InceptionBlock {
    InceptionBlock(branches: [
      [.unit(try unit("\(name).branch1x1", from, 64))],
      [
        .unit(try unit("\(name).branch5x5_1", from, 48)),
        .unit(try unit("\(name).branch5x5_2", 48, 64, kernel: (5, 5))),
      ],
      [
        .unit(try unit("\(name).branch3x3dbl_1", from, 64)),
        .unit(try unit("\(name).branch3x3dbl_2", 64, 96, kernel: (3, 3))),
        .unit(try unit("\(name).branch3x3dbl_3", 96, 96, kernel: (3, 3))),
      ],
      [
        .pool(.average, stride: 1, padding: 1),
        .unit(try unit("\(name).branch_pool", from, pooled)),
      ],
    ])
  }

  /// The block from 35 x 35 to 17 x 17 positions.
  func blockB(_ name: String, _ from: Int) throws -> InceptionBlock {
    InceptionBlock(branches: [
      [
        .unit(
          try unit("\(name).branch3x3", from, 384, kernel: (3, 3), stride: 2, padding: (0, 0)))
      ],
      [
        .unit(try unit("\(name).branch3x3dbl_1", from, 64)),
        .unit(try unit("\(name).branch3x3dbl_2", 64, 96, kernel: (3, 3))),
        .unit(
          try unit("\(name).branch3x3dbl_3", 96, 96, kernel: (3, 3), stride: 2, padding: (0, 0))),
      ],
      [.pool(.maximum, stride: 2, padding: 0)],
    ])
  }

  /// A block on 17 x 17 positions with 768 channels.
  func blockC(_ name: String, width: Int) throws -> InceptionBlock {
    let from = 768
    return InceptionBlock(branches: [
      [.unit(try unit("\(name).branch1x1", from, 192))],
      [
        .unit(try unit("\(name).branch7x7_1", from, width)),
        .unit(try unit("\(name).branch7x7_2", width, width, kernel: (1, 7))),
        .unit(try unit("\(name).branch7x7_3", width, 192, kernel: (7, 1))),
      ],
      [
        .unit(try unit("\(name).branch7x7dbl_1", from, width)),
        .unit(try unit("\(name).branch7x7dbl_2", width, width, kernel: (7, 1))),
        .unit(try unit("\(name).branch7x7dbl_3", width, width, kernel: (1, 7))),
        .unit(try unit("\(name).branch7x7dbl_4", width, width, kernel: (7, 1))),
        .unit(try unit("\(name).branch7x7dbl_5", width, 192, kernel: (1, 7))),
      ],
      [
        .pool(.average, stride: 1, padding: 1),
        .unit(try unit("\(name).branch_pool", from, 192)),
      ],
    ])
  }

  /// The block from 17 x 17 to 8 x 8 positions.
  func blockD(_ name: String, _ from: Int) throws -> InceptionBlock {
    InceptionBlock(branches: [
      [
        .unit(try unit("\(name).branch3x3_1", from, 192)),
        .unit(
          try unit("\(name).branch3x3_2", 192, 320, kernel: (3, 3), stride: 2, padding: (0, 0))),
      ],
      [
        .unit(try unit("\(name).branch7x7x3_1", from, 192)),
        .unit(try unit("\(name).branch7x7x3_2", 192, 192, kernel: (1, 7))),
        .unit(try unit("\(name).branch7x7x3_3", 192, 192, kernel: (7, 1))),
        .unit(
          try unit("\(name).branch7x7x3_4", 192, 192, kernel: (3, 3), stride: 2, padding: (0, 0))),
      ],
      [.pool(.maximum, stride: 2, padding: 0)],
    ])
  }

  /// A block on 8 x 8 positions.
  func blockE(_ name: String, _ from: Int, pooling: Pooling) throws -> InceptionBlock {
    InceptionBlock(branches: [
      [.unit(try unit("\(name).branch1x1", from, 320))],
      [
        .unit(try unit("\(name).branch3x3_1", from, 384)),
        .fork([
          try unit("\(name).branch3x3_2a", 384, 384, kernel: (1, 3)),
          try unit("\(name).branch3x3_2b", 384, 384, kernel: (3, 1)),
        ]),
      ],
      [
        .unit(try unit("\(name).branch3x3dbl_1", from, 448)),
        .unit(try unit("\(name).branch3x3dbl_2", 448, 384, kernel: (3, 3))),
        .fork([
          try unit("\(name).branch3x3dbl_3a", 384, 384, kernel: (1, 3)),
          try unit("\(name).branch3x3dbl_3b", 384, 384, kernel: (3, 1)),
        ]),
      ],
      [
        .pool(pooling, stride: 1, padding: 1),
        .unit(try unit("\(name).branch_pool", from, 192)),
      ],
    ])
  }
}
