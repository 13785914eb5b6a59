import Tensors

/// A convex set, known by its projection: the nearest point of it.
///
/// Projections act on each sample as one vector, and are written in operators, so that they are
/// differentiated where they are smooth; on an edge they have the derivative of one side.
public struct ConvexSet {
  /// x [batch, ...] -> the nearest point of the set, of the same shape.
  public let projection: (Tensor) throws -> Tensor

  /// A set from its projection.
  public init(projection: @escaping (Tensor) throws -> Tensor) { self.projection = projection }

  /// x >= 0.
  public static var nonNegative: ConvexSet { ConvexSet { x in x.relu() } }

  /// lower <= x <= upper, elementwise; the bounds broadcast and get gradients.
  public static func box(_ lower: Tensor, _ upper: Tensor) -> ConvexSet {
    ConvexSet { x in
      let above = lower + (x - lower).relu()
      return upper - (upper - above).relu()
    }
  }

  /// lower <= x <= upper.
  ///
  /// Stops when no number is between the bounds.
  public static func box(_ lower: Double, _ upper: Double) -> ConvexSet {
    expect(lower <= upper, "a box from \(lower) to \(upper) is empty")
    return ConvexSet { x in
      let above = (x - lower).relu() + lower
      return upper - (upper - above).relu()
    }
  }

  /// |x| <= radius, |x| being the Euclidean norm of a sample.
  ///
  /// Stops when the radius is not positive.
  public static func ball(radius: Double) -> ConvexSet {
    expect(radius > 0, "a ball has a positive radius, not \(radius)")
    return ConvexSet { x in
      let isOutside = x.normsOfSamples.map { $0 > radius }
      guard isOutside.contains(true) else { return x }
      let flat = x.flatSamples
      // Of samples inside, a norm of 1 stands for theirs: a root has no derivative at 0.
      let square = flat.keepingSamples(isOutside).square().sum(alongAxis: 1, keepingAxis: true)
      let ones = Tensor.ones([x.shape[0], 1], dtype: x.dtype).keepingSamples(isOutside.map(!))
      let onSphere = flat / (square + ones).sqrt() * radius
      return x.replacingSamples(isOutside, with: onSphere.reshaped(x.shape))
    }
  }

  /// x >= 0 with sum x = total: probabilities, where the total is 1.
  ///
  /// With the largest k entries for which what is left is positive, x_i - tau where tau makes them add
  /// up, and 0 elsewhere (Held, Wolfe and Crowder 1974).
  ///
  /// Stops when the total is not positive.
  public static func simplex(total: Double = 1) -> ConvexSet {
    expect(total > 0, "a simplex has a positive total, not \(total)")
    return ConvexSet { x in
      let flat = x.flatSamples
      let (batch, n) = (flat.shape[0], flat.shape[1])
      let entries = flat.scalars
      var support = [Double](repeating: 0, count: batch * n)
      var counts = [Double](repeating: 1, count: batch)
      for sample in 0..<batch {
        let row = entries[sample * n..<(sample + 1) * n]
        var (sum, threshold) = (0.0, -Double.infinity)
        for (index, value) in row.sorted(by: >).enumerated() {
          sum += value
          let tau = (sum - total) / Double(index + 1)
          guard value > tau else { break }
          (threshold, counts[sample]) = (tau, Double(index + 1))
        }
        for (index, value) in row.enumerated() where value > threshold {
          support[sample * n + index] = 1
        }
      }
      let mask = Tensor(support, shape: flat.shape, dtype: x.dtype)
      let excess = (flat * mask).sum(alongAxis: 1, keepingAxis: true) - total
      let tau = excess / Tensor(counts, shape: [batch, 1], dtype: x.dtype)
      return ((flat - tau) * mask).reshaped(x.shape)
    }
  }

  /// x >= 0 with sum x = 1.
  public static var simplex: ConvexSet { simplex() }
}
