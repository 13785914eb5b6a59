import Tensors

/// A convex set, given by its projection, which maps a point to the nearest point of the set.
///
/// ```swift
/// let p = try minimum(of: { p in risk(p) }, over: .simplex, from: start)
/// let set = ConvexSet { x in x - (x * normal).sum(alongAxis: 1, keepingAxis: true) * normal }
/// ```
/// A projection takes each sample as one vector, does not mix samples, and leaves points of the set as
/// they are. It is written in operators, so that it is differentiated where it is smooth; on an edge it
/// has the derivative of one side.
public struct ConvexSet {
  /// The projection: x [batch, ...] -> the nearest point of the set, of the same shape.
  public let projection: (Tensor) throws -> Tensor

  /// Makes a set from its projection.
  ///
  /// - Parameter projection: x [batch, ...] -> the nearest point of the set, of the same shape, written
  ///   in operators of `Tensor`; what it captures gets gradients.
  public init(projection: @escaping (Tensor) throws -> Tensor) { self.projection = projection }

  /// The vectors with x >= 0 in every entry.
  public static var nonNegative: ConvexSet { ConvexSet { x in x.relu() } }

  /// The box lower <= x <= upper, elementwise.
  ///
  /// An entry inside stays as it is, to the last bit. An entry on a bound or beyond it becomes the
  /// bound, and has the derivative of the bound. A side without a bound is infinite. Stops when a
  /// lower bound is above its upper one.
  ///
  /// - Parameters:
  ///   - lower: a tensor that broadcasts to the shape of x; gradients reach what it was computed
  ///     from.
  ///   - upper: a tensor of the same kind.
  /// - Returns: the box.
  public static func box(_ lower: Tensor, _ upper: Tensor) -> ConvexSet {
    let widths = withoutRecording { upper.detached() - lower.detached() }
    expect(
      widths.scalars.allSatisfy { $0 >= 0 },
      "a box is empty where its lower bound is above its upper one: upper - lower has the entry "
        + "\(widths.scalars.first { !($0 >= 0) } ?? 0)")
    return ConvexSet { x in
      // Every entry counts as a sample here, so that bounds are selected and not computed.
      let entries = Shape([x.count, 1])
      let low = lower.broadcast(to: x.shape).reshaped(entries)
      let high = upper.broadcast(to: x.shape).reshaped(entries)
      let values = x.scalars
      return x.reshaped(entries)
        .replacingSamples(zip(values, low.scalars).map { $0 <= $1 }, with: low)
        .replacingSamples(zip(values, high.scalars).map { $0 >= $1 }, with: high)
        .reshaped(x.shape)
    }
  }

  /// The box lower <= x <= upper with the same bounds for all entries; `.infinity` stands for a
  /// side without bound.
  ///
  /// Stops when no number is between the bounds.
  public static func box(_ lower: Double, _ upper: Double) -> ConvexSet {
    expect(lower <= upper, "a box from \(lower) to \(upper) is empty")
    return ConvexSet { x in
      try box(Tensor(lower, dtype: x.dtype), Tensor(upper, dtype: x.dtype)).projection(x)
    }
  }

  /// The ball |x| <= radius, where |x| is the Euclidean norm of a sample.
  ///
  /// Stops when the radius is not positive.
  public static func ball(radius: Double) -> ConvexSet {
    expect(radius > 0, "a ball has a positive radius, not \(radius)")
    return ConvexSet { x in
      let norms = x.normsOfSamples
      let isOutside = norms.map { $0 > radius }
      guard isOutside.contains(true) else { return x }
      // Samples are brought to a norm of 1 before they are squared, because squares could overflow;
      // samples inside are left out.
      let unit = x.flatSamples.keepingSamples(isOutside)
        .scalingSamples(by: zip(isOutside, norms).map { $0 ? 1 / $1 : 0 })
      // In samples inside, 1 replaces the square, because a square root has no derivative at 0.
      let ones = Tensor.ones([x.shape[0], 1], dtype: x.dtype).keepingSamples(isOutside.map(!))
      let square = unit.square().sum(alongAxis: 1, keepingAxis: true) + ones
      return x.replacingSamples(
        isOutside, with: (unit / square.sqrt() * radius).reshaped(x.shape))
    }
  }

  /// The simplex x >= 0 with sum x = total; with a total of 1 these are probabilities.
  ///
  /// The projection is x_i - tau for the largest k entries for which the result is positive, with
  /// the tau that makes the sum right, and 0 elsewhere (Held, Wolfe and Crowder 1974). It costs a
  /// sort of each sample. Differences of entries alone count, so that rounding is that of the total,
  /// however far from the simplex x is.
  ///
  /// Stops when the total is not positive.
  public static func simplex(total: Double = 1) -> ConvexSet {
    expect(total > 0, "a simplex has a positive total, not \(total)")
    return ConvexSet { x in
      let vectors = x.flatSamples
      let (batch, n) = (vectors.shape[0], vectors.shape[1])
      let given = vectors.scalars
      let tops = (0..<batch).map { given[$0 * n..<($0 + 1) * n].max() ?? 0 }
      // A multiple of (1, ..., 1) that is added to x changes neither the projection nor its
      // derivatives. The kept entries of `flat` are between -total and 0.
      let flat = vectors - Tensor(tops, shape: [batch, 1], dtype: x.dtype)
      let entries = flat.scalars
      var isKept: [Bool] = []
      var counts: [Double] = []
      for sample in 0..<batch {
        let row = entries[sample * n..<(sample + 1) * n]
        var (sum, threshold) = (0.0, -Double.infinity)
        for (index, value) in row.sorted(by: >).enumerated() {
          sum += value
          let tau = (sum - total) / Double(index + 1)
          guard value > tau else { break }
          threshold = tau
        }
        // An entry that equals the threshold up to rounding becomes 0. NaN is kept, so that it is
        // seen.
        let noise = min(4 * x.dtype.machineEpsilon * total, total / Double(2 * max(n, 1)))
        let isAbove = row.map { !($0 - threshold <= noise) }
        counts.append(Double(max(1, isAbove.count { $0 })))
        isKept += isAbove
      }
      func kept(_ x: Tensor) -> Tensor {
        x.reshaped([batch * n, 1]).keepingSamples(isKept).reshaped([batch, n])
      }
      let excess = kept(flat).sum(alongAxis: 1, keepingAxis: true) - total
      let tau = excess / Tensor(counts, shape: [batch, 1], dtype: x.dtype)
      return kept(flat - tau).relu().reshaped(x.shape)
    }
  }

  /// The vectors with x >= 0 in every entry whose sum is 1, sample by sample.
  public static var simplex: ConvexSet { simplex() }
}
