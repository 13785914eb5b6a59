import CImageCodecs

extension Image {
  /// The image at another size, by antialiased bicubic interpolation.
  ///
  /// Equal bit for bit to Pillow's `resize(size, BICUBIC)`: first along x, then along y, 8-bit
  /// numbers between, each with the cubic kernel (a = -0.5) stretched by the scale when shrinking,
  /// weights normalised and rounded to 22-bit fixed point.
  ///
  /// - Complexity: 3 * height * newWidth * 4 max(1, width / newWidth) multiplications for the first
  ///   pass, likewise for the second.
  public func resized(width newWidth: Int, height newHeight: Int) -> Image {
    resampled(width: newWidth, columns: 0..<newWidth, height: newHeight, rows: 0..<newHeight)
  }

  /// Resized so that the shorter side has `size` pixels, then the central square of that size.
  ///
  /// The longer side becomes floor(size * long / short), as in torchvision's `Resize`, and the square
  /// is that of `centralSquare(of:)`. What is cut off is not computed.
  public func resizedShortSide(to size: Int) -> Image {
    let (newWidth, newHeight) = Image.shortSideExtents(width, height, size)
    let (x, y) = (centralOffset(of: size, in: newWidth), centralOffset(of: size, in: newHeight))
    return resampled(
      width: newWidth, columns: x..<x + size, height: newHeight, rows: y..<y + size)
  }

  /// The extents with the shorter one resized to `size`.
  static func shortSideExtents(_ width: Int, _ height: Int, _ size: Int) -> (Int, Int) {
    let short = min(width, height)
    return (size * width / short, size * height / short)
  }

  /// The part `columns` x `rows` of the image at the new size.
  private func resampled(
    width newWidth: Int, columns: Range<Int>, height newHeight: Int, rows: Range<Int>
  ) -> Image {
    precondition(newWidth > 0 && newHeight > 0, "an image cannot be resized to nothing")
    var result = self
    if newWidth != width || columns.count != newWidth {
      result = result.resampledAlongX(to: newWidth, columns)
    }
    if newHeight != height || rows.count != newHeight {
      result = result.resampledAlongY(to: newHeight, rows)
    }
    return result
  }

  private func resampledAlongX(to newWidth: Int, _ columns: Range<Int>) -> Image {
    let taps = Taps(from: width, to: newWidth, positions: columns)
    // The kernel wants each weight three times and whole vectors of 24.
    let stride = (taps.stride * 3 + 23) / 24 * 24
    var weights = [Int32](repeating: 0, count: columns.count * stride)
    for position in 0..<columns.count {
      for tap in 0..<taps.stride {
        let weight = taps.weights[position * taps.stride + tap]
        for channel in 0..<3 { weights[position * stride + tap * 3 + channel] = weight }
      }
    }
    let (rowSize, newSize) = (width * 3, columns.count * 3)
    let result = [UInt8](unsafeUninitializedCapacity: newSize * height) { target, count in
      // Vectors may begin at the last pixel, so rows are read from a copy with room behind it.
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rowSize + stride + 24) { row in
        row.initialize(repeating: 0)
        pixels.withUnsafeBufferPointer { source in
          guard let from = source.baseAddress, let to = target.baseAddress,
            let copy = row.baseAddress
          else { return }
          for y in 0..<height {
            copy.update(from: from + y * rowSize, count: rowSize)
            ci_resample_row(copy, to + y * newSize, columns.count, taps.starts, weights, stride)
          }
        }
      }
      count = newSize * height
    }
    return Image(width: columns.count, height: height, pixels: result)
  }

  private func resampledAlongY(to newHeight: Int, _ rows: Range<Int>) -> Image {
    let taps = Taps(from: height, to: newHeight, positions: rows)
    let rowSize = width * 3
    let result = [UInt8](unsafeUninitializedCapacity: rowSize * rows.count) { target, count in
      pixels.withUnsafeBufferPointer { source in
        taps.weights.withUnsafeBufferPointer { weights in
          guard let from = source.baseAddress, let to = target.baseAddress,
            let weight = weights.baseAddress
          else { return }
          for y in 0..<rows.count {
            ci_resample_column(
              from + Int(taps.starts[y]) * rowSize, rowSize, to + y * rowSize,
              weight + y * taps.stride, Int(taps.counts[y]))
          }
        }
      }
      count = rowSize * rows.count
    }
    return Image(width: width, height: rows.count, pixels: result)
  }
}

/// For each output position, the first input position and the fixed-point weights from there.
private struct Taps {
  /// Weights of a position begin at a multiple of this and are followed by zeros.
  let stride: Int
  var starts: [Int32] = []
  var counts: [Int32] = []
  var weights: [Int32]

  init(from inSize: Int, to outSize: Int, positions: Range<Int>) {
    let scale = Double(inSize) / Double(outSize)
    let stretch = max(scale, 1)
    let support = 2 * stretch
    stride = Int(support.rounded(.up)) * 2 + 1
    weights = [Int32](repeating: 0, count: positions.count * stride)
    var raw = [Double](repeating: 0, count: stride)
    for position in positions {
      let center = (Double(position) + 0.5) * scale
      let first = max(Int(center - support + 0.5), 0)
      let last = min(Int(center + support + 0.5), inSize)
      var total = 0.0
      for input in first..<last {
        raw[input - first] = cubic((Double(input) - center + 0.5) * (1 / stretch))
        total += raw[input - first]
      }
      let begin = (position - positions.lowerBound) * stride
      for tap in 0..<last - first {
        let fixed = raw[tap] / total * Double(1 << 22)
        weights[begin + tap] = Int32(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
      }
      starts.append(Int32(first))
      counts.append(Int32(last - first))
    }
  }

  private func cubic(_ distance: Double) -> Double {
    let x = abs(distance)
    let a = -0.5
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
  }
}
