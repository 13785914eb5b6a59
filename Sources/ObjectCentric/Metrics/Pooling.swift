import Tensors

// What Inception needs of image processing, on float32 images [batch, height, width, channels].
// Nothing here is recorded.

/// How a window of positions becomes one number.
enum Pooling: Sendable {
  case maximum
  /// Over the positions within the image: the padding does not count.
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

  /// Bilinear interpolation without antialiasing; position i of n lies at (i + 1/2) / n.
  func bilinear(height newHeight: Int, width newWidth: Int) -> Tensor {
    let (batch, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
    let (rows, columns) = (neighbours(height, newHeight), neighbours(width, newWidth))
    var result = [Float](repeating: 0, count: batch * newHeight * newWidth * channels)
    withFloats { source in
      var target = 0
      for sample in 0..<batch {
        for row in rows {
          let upper = (sample * height + row.first) * width
          let lower = (sample * height + row.second) * width
          for column in columns {
            for channel in 0..<channels {
              func value(_ line: Int, _ place: Int) -> Float {
                source[(line + place) * channels + channel]
              }
              let (right, down) = (column.share, row.share)
              let above =
                value(upper, column.first) * (1 - right)
                + value(upper, column.second) * right
              let below =
                value(lower, column.first) * (1 - right)
                + value(lower, column.second) * right
              result[target] = above * (1 - down) + below * down
              target += 1
            }
          }
        }
      }
    }
    return Tensor(result, shape: [batch, newHeight, newWidth, channels])
  }

  /// The two old positions around each new one, and the share of the second.
  private func neighbours(
    _ extent: Int, _ newExtent: Int
  ) -> [(first: Int, second: Int, share: Float)] {
    (0..<newExtent).map { position in
      let place = Swift.max(
        0, (Double(position) + 0.5) * Double(extent) / Double(newExtent) - 0.5)
      let first = Swift.min(Int(place), extent - 1)
      return (first, Swift.min(first + 1, extent - 1), Float(place - Double(first)))
    }
  }
}
