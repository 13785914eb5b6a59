extension Tensor {
  /// scale W x^T for each sample: a projection with its last two axes swapped.
  ///
  /// What `linear(weight)` followed by a transposition would give, but nothing is moved: the
  /// products write the transposed layout.
  ///
  /// - Parameters:
  ///   - weight: [out, in].
  ///   - scale: default 1.
  /// - Returns: [batch, out, rows] for `self` of shape [batch, rows, in].
  ///
  /// Stops, printing both shapes, when they do not fit.
  public func projectedTransposed(_ weight: Tensor, scale: Double = 1) -> Tensor {
    expectSameDType("projectedTransposed", self, weight)
    expect(
      rank == 3 && weight.rank == 2 && weight.shape[1] == shape[2],
      "projectedTransposed needs inputs [batch, rows, in] and a weight [out, in], not \(shape) and "
        + "\(weight.shape)")
    let (batch, rows, inWidth, width) = (shape[0], shape[1], shape[2], weight.shape[0])
    let result = Tensor(shape: [batch, width, rows], dtype: dtype) { out in
      for sample in 0..<batch {
        gemm(
          scale: scale, weight.storage, 0, stride: inWidth, transposed: false, storage,
          sample * rows * inWidth, stride: inWidth, transposed: true, out, sample * width * rows,
          stride: rows, m: width, n: rows, k: inWidth)
      }
    }
    return result.recorded(
      from: [self, weight],
      { v, _, needs in
        if isRecording {
          let flat = v.transposed() * scale
          return [
            flat.matmul(weight),
            flat.reshaped([batch * rows, width])
              .matmul(reshaped([batch * rows, inWidth]), transposingSelf: true),
          ]
        }
        return [
          needs[0] ? inputCotangent(v, weight, scale) : nil,
          needs[1] ? weightCotangent(v, weight, scale) : nil,
        ]
      })
  }

  /// dx = scale v^T W.
  private func inputCotangent(_ v: Tensor, _ weight: Tensor, _ scale: Double) -> Tensor {
    let (rows, inWidth, width) = (shape[1], shape[2], weight.shape[0])
    return Tensor(shape: shape, dtype: dtype) { out in
      for sample in 0..<shape[0] {
        gemm(
          scale: scale, v.storage, sample * width * rows, stride: rows, transposed: true,
          weight.storage, 0, stride: inWidth, transposed: false, out, sample * rows * inWidth,
          stride: inWidth, m: rows, n: inWidth, k: width)
      }
    }
  }

  /// dW = scale v x, summed over samples by the products.
  private func weightCotangent(_ v: Tensor, _ weight: Tensor, _ scale: Double) -> Tensor {
    let (rows, inWidth, width) = (shape[1], shape[2], weight.shape[0])
    guard shape[0] > 0 else { return weight.zerosLike() }
    return Tensor(shape: weight.shape, dtype: dtype) { out in
      for sample in 0..<shape[0] {
        gemm(
          scale: scale, v.storage, sample * width * rows, stride: rows, transposed: false, storage,
          sample * rows * inWidth, stride: inWidth, transposed: false,
          keep: sample == 0 ? 0 : 1, out, 0, stride: inWidth, m: width, n: inWidth, k: rows)
      }
    }
  }
}
