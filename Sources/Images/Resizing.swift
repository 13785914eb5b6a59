import Foundation

extension Image {
  /// The image at another size, by antialiased bicubic interpolation.
  ///
  /// Equal bit for bit to Pillow's `resize(size, BICUBIC)`: first along x, then along y, 8-bit
  /// numbers between, each with the cubic kernel (a = -0.5) stretched by the scale when shrinking,
  /// weights normalised and rounded to 22-bit fixed point.
  public func resized(width newWidth: Int, height newHeight: Int) -> Image {
    precondition(newWidth > 0 && newHeight > 0, "an image cannot be resized to nothing")
    var result = self
    if newWidth != width { result = result.resampledAlongX(to: newWidth) }
    if newHeight != height { result = result.resampledAlongY(to: newHeight) }
    return result
  }

  /// Resized so that the shorter side has `size` pixels, then the central square of that size.
  public func resizedShortSide(to size: Int) -> Image {
    let short = min(width, height)
    let scaled = resized(
      width: width == short ? size : Int((Double(width * size) / Double(short)).rounded()),
      height: height == short ? size : Int((Double(height * size) / Double(short)).rounded()))
    return scaled.cropped(
      x: (scaled.width - size) / 2, y: (scaled.height - size) / 2, width: size, height: size)
  }

  private func resampledAlongX(to newWidth: Int) -> Image {
    let taps = Taps(from: width, to: newWidth)
    var result = [UInt8](repeating: 0, count: newWidth * height * 3)
    for y in 0..<height {
      for x in 0..<newWidth {
        for channel in 0..<3 {
          var sum = Int32(1) << 21
          for (offset, weight) in taps.weights[x].enumerated() {
            sum &+= weight &* Int32(pixels[(y * width + taps.starts[x] + offset) * 3 + channel])
          }
          result[(y * newWidth + x) * 3 + channel] = UInt8(clamping: sum >> 22)
        }
      }
    }
    return Image(width: newWidth, height: height, pixels: result)
  }

  private func resampledAlongY(to newHeight: Int) -> Image {
    let taps = Taps(from: height, to: newHeight)
    let stride = width * 3
    var result = [UInt8](repeating: 0, count: newHeight * stride)
    for y in 0..<newHeight {
      for x in 0..<stride {
        var sum = Int32(1) << 21
        for (offset, weight) in taps.weights[y].enumerated() {
          sum &+= weight &* Int32(pixels[(taps.starts[y] + offset) * stride + x])
        }
        result[y * stride + x] = UInt8(clamping: sum >> 22)
      }
    }
    return Image(width: width, height: newHeight, pixels: result)
  }
}

/// For each output position, the first input position and the fixed-point weights from there.
private struct Taps {
  var starts: [Int] = []
  var weights: [[Int32]] = []

  init(from inSize: Int, to outSize: Int) {
    let scale = Double(inSize) / Double(outSize)
    let stretch = max(scale, 1)
    let support = 2 * stretch
    for position in 0..<outSize {
      let center = (Double(position) + 0.5) * scale
      let first = max(Int(center - support + 0.5), 0)
      let last = min(Int(center + support + 0.5), inSize)
      let raw = (first..<last).map { cubic((Double($0) - center + 0.5) * (1 / stretch)) }
      let total = raw.reduce(0, +)
      starts.append(first)
      weights.append(
        raw.map { weight in
          let fixed = weight / total * Double(1 << 22)
          return Int32(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
        })
    }
  }

  private func cubic(_ distance: Double) -> Double {
    let x = abs(distance)
    let a = -0.5
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
  }
}
