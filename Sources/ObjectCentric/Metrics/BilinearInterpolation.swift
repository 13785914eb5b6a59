import Tensors

extension Tensor {
  /// Maps on a grid of another size, by bilinear interpolation without antialiasing.
  ///
  /// The tensor is [batch, height, width, channels] in float32. Position i of n lies at (i + 1/2) /
  /// n of the side. The result is not recorded.
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

  /// For each new position, the two old positions around it and the share of the second one.
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
