import Tensors

/// H = -I + sum_i u_i v_i^T, one per sample: Broyden's approximation of (J - I)^-1.
///
/// -I is the inverse where J = 0, so that H = -I makes the step -H g a fixed-point step.
public struct LowRankInverse: InverseJacobian {
  /// u_i and v_i; a window holds a row for every update.
  private(set) var left: VectorWindow
  private(set) var right: VectorWindow

  /// H = -I.
  ///
  /// - Parameter capacity: the largest number of updates.
  init(capacity: Int) {
    left = VectorWindow(capacity: capacity)
    right = VectorWindow(capacity: capacity)
  }

  private init(left: VectorWindow, right: VectorWindow) {
    self.left = left
    self.right = right
  }

  /// The number of updates.
  public var rank: Int { left.count }
  /// The largest number of updates.
  public var capacity: Int { left.capacity }

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

  /// The u_i and the v_i, [batch, n] each; setting exchanges them.
  var tensors: [Tensor] {
    get { left.tensors + right.tensors }
    set {
      left.tensors = Array(newValue.prefix(rank))
      right.tensors = Array(newValue.dropFirst(rank))
    }
  }

  /// H + u v^T.
  ///
  /// - Parameters:
  ///   - u: [batch, n].
  ///   - v: [batch, n].
  mutating func append(_ u: Tensor, _ v: Tensor) {
    left.set(rank, to: u)
    right.set(right.count, to: v)
  }

  /// Back to -I in the samples where `mask` is true.
  mutating func clear(_ mask: [Bool]) {
    left.clear(mask)
    right.clear(mask)
  }

  /// Back to -I.
  mutating func removeAll() {
    left.removeAll()
    right.removeAll()
  }

  /// H of the samples at the given positions.
  public func samples(_ positions: [Int]) -> LowRankInverse {
    LowRankInverse(left: left.samples(positions), right: right.samples(positions))
  }

  /// H of a batch from those of its parts.
  public static func joining(
    _ parts: [(positions: [Int], inverse: LowRankInverse)]
  ) -> LowRankInverse {
    LowRankInverse(
      left: .joining(parts.map { ($0.positions, $0.inverse.left) }),
      right: .joining(parts.map { ($0.positions, $0.inverse.right) }))
  }
}

extension Tensor {
  /// [batch, n]: each sample as one vector.
  var flatSamples: Tensor {
    rank == 2 ? self : reshaped([shape[0], shape.suffix(from: 1).elementCount])
  }
}
