import Tensors

/// H = -I + sum_i u_i v_i^T, one per sample: Broyden's approximation of (J - I)^-1.
///
/// -I is the inverse where J = 0, so that H = -I makes the step -H g a fixed-point step.
public struct BroydenInverse: InverseJacobian {
  /// u_i and v_i; a window holds a row for every update.
  private var left: VectorWindow
  private var right: VectorWindow

  /// H = -I.
  ///
  /// - Parameter capacity: the largest number of updates.
  init(capacity: Int) {
    left = VectorWindow(capacity: capacity)
    right = left
  }

  /// The number of updates.
  public var rank: Int { left.count }
  /// The largest number of updates.
  public var capacity: Int { left.capacity }

  /// Shows the visitor the u_i and the v_i.
  public mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&left)
    visitor.visit(&right)
  }

  /// H x = -x + sum_i u_i <v_i, x>.
  public func applied(to x: Tensor) -> Tensor { applied(to: x, left, right) }
  /// H^T x = -x + sum_i v_i <u_i, x>.
  public func transposeApplied(to x: Tensor) -> Tensor { applied(to: x, right, left) }

  private func applied(to x: Tensor, _ outer: VectorWindow, _ inner: VectorWindow) -> Tensor {
    guard rank > 0 else { return -x }
    let flat = x.flatSamples
    return outer.combined(inner.innerProducts(with: flat), onto: flat, baseScale: -1)
      .reshaped(x.shape)
  }

  /// Makes H + u v^T of H.
  mutating func append(_ u: Tensor, _ v: Tensor) {
    left.set(left.count, to: u)
    right.set(right.count, to: v)
  }

  /// The same H in n pairs, v_i = e_i and u_i = (H + I) e_i, where it has taken more.
  ///
  /// - Parameter state: [batch, n], for its shape.
  mutating func compress(like state: Tensor) {
    let n = state.shape[1]
    let pairs = (0..<n).map { index -> (u: Tensor, v: Tensor) in
      let row = (0..<n).map { $0 == index ? 1.0 : 0 }
      let axis = Tensor(row, shape: [1, n], dtype: state.dtype) + state.zerosLike()
      return (applied(to: axis) + axis, axis)
    }
    removeAll()
    for pair in pairs { append(pair.u, pair.v) }
  }

  /// Back to -I in the samples where `mask` is true.
  mutating func clear(_ mask: [Bool]) {
    left.clear(mask)
    right.clear(mask)
  }

  /// Forgets all updates, so that H is -I again.
  mutating func removeAll() {
    left.removeAll()
    right.removeAll()
  }

  /// H of a batch from those of its parts.
  public static func joining(
    _ parts: [(positions: [Int], inverse: BroydenInverse)]
  ) -> BroydenInverse {
    var whole = parts[0].inverse
    whole.left = .joining(parts.map { ($0.positions, $0.inverse.left) })
    whole.right = .joining(parts.map { ($0.positions, $0.inverse.right) })
    return whole
  }
}
