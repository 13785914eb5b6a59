import Tensors

/// How two tensors differ, in words; nil if they agree.
///
/// Shapes come first, then dtypes, then the worst element with its index and both values.
/// Elements agree where |a - b| <= absolute + relative * max |b|; NaN agrees with nothing.
public func difference(
  _ a: Tensor, _ b: Tensor, relative: Double = 0, absolute: Double = 0
) -> String? {
  guard a.shape == b.shape else { return "shapes differ: \(a.shape) and \(b.shape)" }
  return difference(a.scalars, b.scalars, relative: relative, absolute: absolute)
}

/// As for tensors, on plain numbers.
public func difference(
  _ a: [Double], _ b: [Double], relative: Double = 0, absolute: Double = 0
) -> String? {
  guard a.count == b.count else { return "counts differ: \(a.count) and \(b.count)" }
  let scale = b.map(Swift.abs).max() ?? 0
  let bound = absolute + relative * scale
  var worst = -1.0
  var position = 0
  for (index, pair) in zip(a, b).enumerated() {
    let gap = Swift.abs(pair.0 - pair.1)
    if gap.isNaN { return "element \(index) is \(pair.0), expected \(pair.1)" }
    if gap > worst { (worst, position) = (gap, index) }
  }
  guard worst > bound else { return nil }
  return "worst element \(position): \(a[position]), expected \(b[position]); "
    + "difference \(worst), allowed \(bound)"
}

/// |a - b| / |b| over all elements.
public func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
  let norm = { (t: Tensor) in t.reshaped([1, t.count]).normsOfSamples[0] }
  return norm(a - b) / norm(b)
}

/// v -> J^T v of the linear map z -> z A^T, rows being samples.
public func linearPullback(_ a: Tensor) -> (Tensor) throws -> Tensor { { v in v.matmul(a) } }
