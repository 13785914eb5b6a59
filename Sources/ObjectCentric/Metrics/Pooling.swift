import Tensors

// The image operations that Inception needs, on float32 images [batch, height, width, channels].
// Their results are not recorded.

/// How a window of positions becomes one number.
enum Pooling: Sendable {
  case maximum
  /// The mean over the positions within the image; the padding does not count.
  case average
}

extension Tensor {
  /// Pooling over windows of 3 x 3 positions.
  func pooled(_ pooling: Pooling, stride: Int, padding: Int) -> Tensor {
    let (batch, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
    let outHeight = (height + 2 * padding - 3) / stride + 1
    let outWidth = (width + 2 * padding - 3) / stride + 1
    var result = [Float](repeating: 0, count: batch * outHeight * outWidth * channels)
    withFloats { source in
      result.withUnsafeMutableBufferPointer { target in
        for sample in 0..<batch {
          for y in 0..<outHeight {
            let rows =
              Swift.max(0, y * stride - padding)..<Swift.min(height, y * stride - padding + 3)
            for x in 0..<outWidth {
              let columns =
                Swift.max(0, x * stride - padding)..<Swift.min(width, x * stride - padding + 3)
              let out = ((sample * outHeight + y) * outWidth + x) * channels
              let first = ((sample * height + rows.lowerBound) * width + columns.lowerBound)
              for channel in 0..<channels {
                target[out + channel] = source[first * channels + channel]
              }
              for row in rows {
                for column in columns where row > rows.lowerBound || column > columns.lowerBound {
                  let from = ((sample * height + row) * width + column) * channels
                  switch pooling {
                  case .maximum:
                    for channel in 0..<channels {
                      target[out + channel] = Swift.max(
                        target[out + channel], source[from + channel])
                    }
                  case .average:
                    for channel in 0..<channels { target[out + channel] += source[from + channel] }
                  }
                }
              }
              guard case .average = pooling else { continue }
              let share = 1 / Float(rows.count * columns.count)
              for channel in 0..<channels { target[out + channel] *= share }
            }
          }
        }
      }
    }
    return Tensor(result, shape: [batch, outHeight, outWidth, channels])
  }
}
