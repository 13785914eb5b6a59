import Tensors
import TestSupport

/// Functions that fused operators compute, written plainly with basic operators.
enum Composed {
  /// (x - mean) / sqrt(variance + epsilon), mean and variance over the given axes.
  static func normalized(_ x: Tensor, over axes: [Int], epsilon: Double) -> Tensor {
    let mean = { (tensor: Tensor) in
      axes.reduce(tensor) { $0.mean(alongAxis: $1, keepingAxis: true) }
    }
    let centred = x - mean(x)
    return centred / (mean(centred.square()) + epsilon).sqrt()
  }

  /// Rows with a single 1, [ids, classes].
  static func oneHot(_ ids: IntTensor, _ classes: Int, _ dtype: DType) -> Tensor {
    Tensor(
      ids.scalars.flatMap { id in (0..<classes).map { $0 == id ? 1.0 : 0 } },
      shape: [ids.count, classes], dtype: dtype)
  }

  /// What dropout multiplies by: the generator's mask, applied to ones.
  static func mask(_ rate: Double, _ shape: Shape, _ dtype: DType, _ generator: Philox) -> Tensor {
    var generator = generator
    return Tensor.ones(shape, dtype: dtype).dropout(rate, using: &generator)
  }

  /// A convolution as a sum over the kernel's positions of shifted images times matrices.
  static func correlation(_ x: Tensor, _ weight: Tensor, stride: Int, padding: Int) -> Tensor {
    let padded = [1, 2].reduce(x) {
      $0.padded(before: padding, to: x.shape[$1] + 2 * padding, alongAxis: $1)
    }
    let kernel = weight.shape[2]
    let every = { (tensor: Tensor, first: Int, axis: Int) -> Tensor in
      let count = (padded.shape[axis] - kernel) / stride + 1
      return Tensor.concatenated(
        (0..<count).map { index in
          let position = first + index * stride
          return tensor.slice(position..<position + 1, alongAxis: axis)
        }, alongAxis: axis)
    }
    var sum: Tensor?
    for row in 0..<kernel {
      for column in 0..<kernel {
        let seen = every(every(padded, row, 1), column, 2)
        let matrix = weight.slice(row..<row + 1, alongAxis: 2)
          .slice(column..<column + 1, alongAxis: 3)
          .reshaped([weight.shape[0], weight.shape[1]])
        let product = seen.matmul(matrix.transposed())
        sum = sum.map { $0 + product } ?? product
      }
    }
    return sum ?? x
  }

  /// softmax(q k^T / sqrt(width / heads)) v, head by head.
  static func attention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, causal: Bool, dropout: Double,
    _ generator: Philox
  ) -> Tensor {
    let (m, n, width) = (q.shape[1], k.shape[1], q.shape[2])
    let hidden = (0..<m * n).map { causal && $0 % n > $0 / n + n - m ? -1e30 : 0 }
    let bias = Tensor(hidden, shape: [m, n], dtype: q.dtype)
    let size = width / heads
    let shares = (0..<heads).map { head -> Tensor in
      let columns = head * size..<(head + 1) * size
      let scores = q.slice(columns, alongAxis: 2)
        .matmul(k.slice(columns, alongAxis: 2), transposingOther: true)
      return (scores / Double(size).squareRoot() + bias).softmax().reshaped([q.shape[0], 1, m, n])
    }
    let all = Tensor.concatenated(shares, alongAxis: 1)
    let kept = dropout > 0 ? all * mask(dropout, all.shape, q.dtype, generator) : all
    return mixed(kept.reshaped([q.shape[0], heads * m, n]), v, heads: heads)
  }

  /// softmax over queries of scale q x^T, [batch, queries, inputs].
  static func slotAttention(_ q: Tensor, _ inputsTransposed: Tensor, scale: Double) -> Tensor {
    (q.matmul(inputsTransposed) * scale).transposed().softmax().transposed()
  }

  /// weights [batch, heads * rows, inputs] times the heads' columns of the values, side by side.
  static func mixed(_ weights: Tensor, _ values: Tensor, heads: Int) -> Tensor {
    let (rows, size) = (weights.shape[1] / heads, values.shape[2] / heads)
    return Tensor.concatenated(
      (0..<heads).map { head in
        weights.slice(head * rows..<(head + 1) * rows, alongAxis: 1)
          .matmul(values.slice(head * size..<(head + 1) * size, alongAxis: 2))
      }, alongAxis: 2)
  }
}
