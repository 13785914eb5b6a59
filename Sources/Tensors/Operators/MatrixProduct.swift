import CKernels
import COpenBLAS

// Matrix products by cblas.

extension Tensor {
  /// The matrix product over the last two axes.
  ///
  /// ```swift
  /// q.matmul(k, transposingOther: true)   // q k^T
  /// ```
  /// As in NumPy, a vector on the left is treated as a row and a vector on the right as a column,
  /// and that axis is removed from the result: `v.matmul(w)` of two vectors is their inner product.
  ///
  /// - Parameters:
  ///   - other: [..., k, n] for `self` of shape [..., m, k]; the leading axes are broadcast. A
  ///     plain matrix is used for all leading axes without a copy; other broadcasts copy the
  ///     operand first.
  ///   - transposingSelf: whether the last two axes of `self` are swapped first; default false.
  ///   - transposingOther: whether the last two axes of `other` are swapped first; default false.
  /// - Returns: [..., m, n].
  ///
  /// Stops, printing both shapes, when the inner extents differ or the leading axes cannot be
  /// broadcast.
  public func matmul(
    _ other: Tensor, transposingSelf: Bool = false, transposingOther: Bool = false
  ) -> Tensor {
    expectSameDType("matmul", self, other)
    func mistake() -> String {
      "matmul cannot multiply \(shape)\(transposingSelf ? " (transposed)" : "") and "
        + "\(other.shape)\(transposingOther ? " (transposed)" : ""): it needs [..., m, k] times "
        + "[..., k, n] with leading axes that are equal, 1 or not there, or vectors"
    }
    guard rank >= 2 && other.rank >= 2 else {
      expect(
        rank >= 1 && other.rank >= 1 && (rank > 1 || !transposingSelf)
          && (other.rank > 1 || !transposingOther), mistake())
      let product = (rank == 1 ? expandedDimensions(at: 0) : self).matmul(
        other.rank == 1 ? other.expandedDimensions(at: 1) : other,
        transposingSelf: transposingSelf, transposingOther: transposingOther)
      return product.squeezed(axes: (rank == 1 ? [-2] : []) + (other.rank == 1 ? [-1] : []))
    }
    let m = shape[transposingSelf ? -1 : -2]
    let k = shape[transposingSelf ? -2 : -1]
    let n = other.shape[transposingOther ? -2 : -1]
    expect(k == other.shape[transposingOther ? -1 : -2], mistake())

    if rank > 2, other.rank == 2, !transposingSelf {
      let lead = shape.prefix(rank - 1)
      return reshaped([lead.elementCount, k])
        .matmul(other, transposingOther: transposingOther).reshaped(lead + [n])
    }
    let lead = shape.prefix(rank - 2)
    let otherLead = other.shape.prefix(other.rank - 2)
    guard lead == otherLead || lead.rank == 0 || otherLead.rank == 0 else {
      guard let common = lead.broadcast(with: otherLead) else { callerMistake(mistake()) }
      return broadcast(to: common + shape.suffix(from: rank - 2)).matmul(
        other.broadcast(to: common + other.shape.suffix(from: other.rank - 2)),
        transposingSelf: transposingSelf, transposingOther: transposingOther)
    }
    let outLead = lead.rank == 0 ? otherLead : lead
    let batch = outLead.elementCount
    let aStride = lead.rank == 0 ? 0 : m * k
    let bStride = otherLead.rank == 0 ? 0 : k * n

    let result = Tensor(shape: outLead.appending(m).appending(n), dtype: dtype) { out in
      if m * n * k <= Tensor.fewMultiplications {
        return smallProducts(
          storage, aStride, transposed: transposingSelf, other.storage, bStride,
          transposed: transposingOther, out, batch: batch, m: m, n: n, k: k)
      }
      // A few large products are each shared among the workers, one after the other.
      let isShared = batch >= ProductBands.threads(m * n * k)
      Workers.shareWork(batch, operations: isShared ? m * n * k : 0) { index in
        gemm(
          storage, index * aStride, transposed: transposingSelf, other.storage, index * bStride,
          transposed: transposingOther, out, index * m * n, m: m, n: n, k: k)
      }
    }
    guard Tensor.records(self, other) else { return result }
    return result.recorded(
      from: [self, other],
      { v, _, needs in
        var da: Tensor?
        var db: Tensor?
        if needs[0] {
          da =
            transposingSelf
            ? other.matmul(v, transposingSelf: transposingOther, transposingOther: true)
            : v.matmul(other, transposingOther: !transposingOther)
        }
        if needs[1] {
          db =
            transposingOther
            ? v.matmul(self, transposingSelf: true, transposingOther: transposingSelf)
            : matmul(v, transposingSelf: !transposingSelf)
        }
        return [da?.summed(to: shape), db?.summed(to: other.shape)]
      })
  }

  /// Up to so many multiplications a call of BLAS takes longer than the product.
  private static let fewMultiplications = 64

  /// x W^T + b, optionally followed by a rectifier, computed in one pass over the result.
  ///
  /// - Parameters:
  ///   - weight: W, [out, in], as published models store it.
  ///   - bias: b, [out], or nil for none.
  ///   - rectified: whether max(., 0) is applied; default false.
  /// - Returns: [..., out] for `self` of shape [..., in].
  ///
  /// Stops, printing both shapes, when the operands do not fit each other.
  public func linear(_ weight: Tensor, bias: Tensor? = nil, rectified: Bool = false) -> Tensor {
    expectSameDType("linear", self, weight)
    expect(
      rank >= 1 && weight.rank == 2 && weight.shape[1] == shape[-1],
      "linear needs inputs [..., in] and a weight [out, in], not \(shape) and \(weight.shape)")
    let (width, inWidth) = (weight.shape[0], weight.shape[1])
    if let bias {
      expectSameDType("linear", self, bias)
      expect(
        bias.shape == [width],
        "linear needs a bias of shape [\(width)], not \(bias.shape)")
    }
    let lead = shape.prefix(rank - 1)
    let rows = lead.elementCount
    let result = Tensor(shape: lead.appending(width), dtype: dtype) { out in
      gemm(
        storage, 0, transposed: false, weight.storage, 0, transposed: true, out, 0, m: rows,
        n: width, k: inWidth)
      switch dtype {
      case .float32:
        if let bias {
          ck_add_bias_rows_f32(out.f32, bias.storage.f32, out.f32, rows, width, rectified ? 1 : 0)
        } else if rectified {
          ck_relu_f32(out.f32, out.f32, out.count)
        }
      case .float64:
        if let bias {
          ck_add_bias_rows_f64(out.f64, bias.storage.f64, out.f64, rows, width, rectified ? 1 : 0)
        } else if rectified {
          ck_relu_f64(out.f64, out.f64, out.count)
        }
      }
    }
    return result.recorded(
      from: bias.map { [self, weight, $0] } ?? [self, weight], keepingOutput: rectified,
      { v, output, needs in
        let before = rectified ? v.rectifierPullback(of: output) : v
        // Most inputs are matrices already, and need no list of extents.
        let rows2 = rank == 2 ? before : before.reshaped([rows, width])
        var results: [Tensor?] = [
          needs[0] ? rows2.matmul(weight).reshaped(shape) : nil,
          needs[1]
            ? rows2.matmul(reshaped([rows, inWidth]), transposingSelf: true) : nil,
        ]
        if bias != nil { results.append(needs[2] ? rows2.sum(alongAxis: 0) : nil) }
        return results
      })
  }
}

/// out = a b, [batch, m, n], of matrices of a few numbers each, one after the other in the buffers; a step
/// of 0 is one matrix for all.
private func smallProducts(
  _ a: Storage, _ aStep: Int, transposed aTransposed: Bool, _ b: Storage, _ bStep: Int,
  transposed bTransposed: Bool, _ out: Storage, batch: Int, m: Int, n: Int, k: Int
) {
  let (aRow, aColumn) = aTransposed ? (1, m) : (k, 1)
  let (bRow, bColumn) = bTransposed ? (1, k) : (n, 1)
  let share = 4096
  measured("product") {
    Workers.shareWork((batch + share - 1) / share, operations: share * m * n * k) { part in
      let first = part * share
      let count = min(share, batch - first)
      switch out.dtype {
      case .float32:
        ck_small_products_f32(
          a.f32 + first * aStep, aStep, aRow, aColumn, b.f32 + first * bStep, bStep, bRow, bColumn,
          out.f32 + first * m * n, count, m, n, k)
      case .float64:
        ck_small_products_f64(
          a.f64 + first * aStep, aStep, aRow, aColumn, b.f64 + first * bStep, bStep, bRow, bColumn,
          out.f64 + first * m * n, count, m, n, k)
      }
    }
    if ck_profile_is_on() { ck_profile_add_operations(2 * batch * m * n * k) }
  }
}

/// out = a b, [m, n], row-major and contiguous, at element offsets into the buffers.
func gemm(
  _ a: Storage, _ aOffset: Int, transposed aTransposed: Bool, _ b: Storage, _ bOffset: Int,
  transposed bTransposed: Bool, _ out: Storage, _ outOffset: Int, m: Int, n: Int, k: Int
) {
  gemm(
    a, aOffset, stride: aTransposed ? m : k, transposed: aTransposed, b, bOffset,
    stride: bTransposed ? k : n, transposed: bTransposed, out, outOffset, stride: n, m: m, n: n,
    k: k)
}

/// out = scale * a b + keep * out, row-major, with explicit row strides (in elements), so that
/// the operands may be columns of wider matrices, such as one head of several.
func gemm(
  scale: Double = 1, _ a: Storage, _ aOffset: Int, stride aStride: Int,
  transposed aTransposed: Bool, _ b: Storage, _ bOffset: Int, stride bStride: Int,
  transposed bTransposed: Bool, keep: Double = 0, _ out: Storage, _ outOffset: Int,
  stride outStride: Int, m: Int, n: Int, k: Int
) {
  guard m > 0, n > 0 else { return }
  // A sum of no products is 0: there is nothing to cut into tiles, or to hand to BLAS.
  if k == 0 { return out.scaleRows(m, of: n, by: keep, offset: outOffset, stride: outStride) }
  let (left, right) = (
    aTransposed ? CblasTrans : CblasNoTrans, bTransposed ? CblasTrans : CblasNoTrans
  )
  measured("product") {
    switch out.dtype {
    case .float32:
      SingleProduct(
        m: m, n: n, k: k, scale: Float(scale), keep: Float(keep), a: a.f32 + aOffset,
        aStride: aStride, aTransposed: aTransposed, b: b.f32 + bOffset, bStride: bStride,
        bTransposed: bTransposed, c: out.f32 + outOffset, cStride: outStride
      ).run()
    case .float64:
      ck_expect_product_memory(Workers.count)
      let (a, b, c) = (a.f64 + aOffset, b.f64 + bOffset, out.f64 + outOffset)
      ProductBands(m: m, n: n, k: k).forEach { rows, columns in
        let (row, column) = (rows.lowerBound, columns.lowerBound)
        cblas_dgemm(
          CblasRowMajor, left, right, Int32(rows.count), Int32(columns.count), Int32(k), scale,
          a + row * (aTransposed ? 1 : aStride), Int32(max(aStride, 1)),
          b + column * (bTransposed ? bStride : 1), Int32(max(bStride, 1)), keep,
          c + row * outStride + column, Int32(outStride))
      }
    }
    if ck_profile_is_on() { ck_profile_add_operations(2 * m * n * k) }
  }
}

extension Storage {
  /// Multiplies rows by a number in place; by 0, whatever they hold.
  ///
  /// Allowed only while no other reference to this storage exists.
  fileprivate func scaleRows(
    _ rows: Int, of columns: Int, by factor: Double, offset: Int, stride: Int
  ) {
    for row in 0..<rows where factor != 1 {
      let start = offset + row * stride
      switch (dtype, factor) {
      case (.float32, 0): ck_fill_f32(0, f32 + start, columns)
      case (.float64, 0): ck_fill_f64(0, f64 + start, columns)
      case (.float32, _): ck_affine_f32(f32 + start, Float(factor), 0, f32 + start, columns)
      case (.float64, _): ck_affine_f64(f64 + start, factor, 0, f64 + start, columns)
      }
    }
  }
}
