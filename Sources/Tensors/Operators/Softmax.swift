import CKernels

// Softmax over the last axis and the losses built on it.

extension Tensor {
  private var rowsAndColumns: (Int, Int) {
    expect(
      rank > 0 && shape[-1] > 0, "softmax needs rows of at least one element, not \(shape)")
    return (count / shape[-1], shape[-1])
  }

  /// The softmax, e^x / sum e^x, over the last axis.
  public func softmax() -> Tensor {
    let (rows, cols) = rowsAndColumns
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_softmax_rows_f32(storage.f32, out.f32, rows, cols)
      case .float64: ck_softmax_rows_f64(storage.f64, out.f64, rows, cols)
      }
    }.recorded(
      from: [self], keepingOutput: true,
      { v, y, _ in [y.softmaxPullback(v, rows, cols)] })
  }

  /// dx = y (v - <y, v>), row by row, where self is y.
  private func softmaxPullback(_ v: Tensor, _ rows: Int, _ cols: Int) -> Tensor {
    if isRecording { return self * (v - (self * v).sum(alongAxis: -1, keepingAxis: true)) }
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32:
        ck_softmax_vjp_rows_f32(storage.f32, v.storage.f32, out.f32, rows, cols)
      case .float64:
        ck_softmax_vjp_rows_f64(storage.f64, v.storage.f64, out.f64, rows, cols)
      }
    }
  }

  /// The logarithm of the softmax, x - log sum e^x, over the last axis.
  public func logSoftmax() -> Tensor {
    let (rows, cols) = rowsAndColumns
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_log_softmax_rows_f32(storage.f32, out.f32, rows, cols)
      case .float64: ck_log_softmax_rows_f64(storage.f64, out.f64, rows, cols)
      }
    }.recorded(
      from: [self], keepingOutput: true,
      { v, y, _ in
        if isRecording { return [v - y.exp() * v.sum(alongAxis: -1, keepingAxis: true)] }
        return [
          Tensor(shape: y.shape, dtype: y.dtype) { out in
            switch y.dtype {
            case .float32:
              ck_log_softmax_vjp_rows_f32(y.storage.f32, v.storage.f32, out.f32, rows, cols)
            case .float64:
              ck_log_softmax_vjp_rows_f64(y.storage.f64, v.storage.f64, out.f64, rows, cols)
            }
          }
        ]
      })
  }

  /// softmax((x + noise) / temperature) over the last axis, in one pass.
  ///
  /// With Gumbel noise this is a relaxed sample of the categorical distribution with logits x
  /// (Jang, Gu and Poole 2017). The noise counts as a constant.
  ///
  /// - Parameters:
  ///   - noise: a tensor of the same shape and dtype.
  ///   - temperature: a positive number; the smaller it is, the nearer the rows are to one-hot.
  /// - Returns: rows that sum to 1.
  public func gumbelSoftmax(noise: Tensor, temperature: Double) -> Tensor {
    let (rows, cols) = rowsAndColumns
    expectSameDType("gumbelSoftmax", self, noise)
    expect(
      noise.shape == shape, "the noise has shape \(noise.shape) but the logits \(shape)")
    expect(temperature > 0, "the temperature must be positive, not \(temperature)")
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32:
        ck_gumbel_softmax_rows_f32(
          storage.f32, noise.storage.f32, Float(temperature), out.f32, rows, cols)
      case .float64:
        ck_gumbel_softmax_rows_f64(
          storage.f64, noise.storage.f64, temperature, out.f64, rows, cols)
      }
    }.recorded(
      from: [self], keepingOutput: true,
      { v, y, _ in [y.softmaxPullback(v, rows, cols) / temperature] })
  }

  /// The cross-entropy of each row of logits with the row's target class.
  ///
  /// The loss of a row x is log sum e^x - x[target].
  ///
  /// - Parameter targets: one class per row, of the shape of the leading axes or as a vector.
  /// - Returns: the losses, of the shape of the leading axes.
  ///
  /// Stops when the targets do not fit the rows or a class does not exist.
  public func crossEntropy(targets: IntTensor) -> Tensor {
    let (rows, cols) = rowsAndColumns
    expect(
      targets.shape == shape.prefix(rank - 1) || targets.shape == [rows],
      "logits of shape \(shape) have \(rows) rows, which targets of shape \(targets.shape) do not fit"
    )
    let targets = targets.elements
    if let wrong = targets.first(where: { $0 < 0 || $0 >= Int32(cols) }) {
      callerMistake("class \(wrong) does not exist: logits of shape \(shape) have \(cols) classes")
    }
    let probabilities = Storage(dtype: dtype, count: count)
    return Tensor(shape: shape.prefix(rank - 1), dtype: dtype) { out in
      switch dtype {
      case .float32:
        ck_cross_entropy_rows_f32(
          storage.f32, targets, out.f32, probabilities.f32, rows, cols)
      case .float64:
        ck_cross_entropy_rows_f64(
          storage.f64, targets, out.f64, probabilities.f64, rows, cols)
      }
    }.recorded(
      from: [self],
      { v, _, _ in
        if isRecording { return [crossEntropyPullback(v, targets, cols)] }
        return [
          Tensor(shape: shape, dtype: dtype) { out in
            switch dtype {
            case .float32:
              ck_cross_entropy_vjp_rows_f32(
                probabilities.f32, targets, v.storage.f32, out.f32, rows, cols)
            case .float64:
              ck_cross_entropy_vjp_rows_f64(
                probabilities.f64, targets, v.storage.f64, out.f64, rows, cols)
            }
          }
        ]
      })
  }

  /// dx = v (softmax x - e_target), row by row, in basic operators.
  private func crossEntropyPullback(
    _ v: Tensor, _ targets: [Int32], _ cols: Int
  ) -> Tensor {
    var classes = [Double](repeating: 0, count: count)
    for (row, target) in targets.enumerated() { classes[row * cols + Int(target)] = 1 }
    return (softmax() - Tensor(classes, shape: shape, dtype: dtype)) * v.reshaped(v.shape + [1])
  }
}
