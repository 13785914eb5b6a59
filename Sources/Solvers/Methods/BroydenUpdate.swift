import Tensors

extension BroydenInverse {
  /// Learns from a step s with y = g+ - g: H + (s - H y) w^T / d, w = H^T s, d = <w, y>, the least
  /// change of H that maps y to s (Broyden 1965).
  ///
  /// With p = -H g known, H y = H g+ + p and <w, g> = -<s, p>, so that one application of H and one
  /// of H^T are all it takes, for the new direction too:
  ///
  ///     d = <w, g+> + <s, p>,   u = (s - p - H g+) / d,   v = w
  ///     from z + s:   p+ = -H g+ - u <w, g+> = (<s, p> (-H g+) - <w, g+> (s - p)) / d
  ///     from z:       p+ = p + u <s, p>
  ///
  /// Where c = d / <s, s> is within sigma = .1 of 0, the change would make H nearly singular, or
  /// huge. Then it is damped (Powell 1970, section 2): theta (s - H y) w^T / (<s, s> (1 - theta +
  /// theta c)), with the theta for which 1 - theta + theta c is +-sigma, of the sign of c. That puts
  /// +-sigma / (1 -+ sigma) (<s, s> - d) in the place of d.
  ///
  /// A sample whose d is no more than rounding leaves in <w, y> keeps its H.
  ///
  /// - Parameters:
  ///   - s: the steps, [batch, n].
  ///   - residual: g+.
  ///   - p: -H g.
  ///   - noise: to what g+ is known, per sample.
  ///   - isAccepted: the samples that go on from z + s; the others from z.
  ///   - isInformative: the samples that are to learn.
  /// - Returns: p+ with the new H.
  mutating func learn(
    step s: Tensor, residual: Tensor, direction p: Tensor, noise: [Double], isAccepted: [Bool],
    isInformative: [Bool]
  ) -> Tensor {
    let sigma = 0.1
    let image = -applied(to: residual)
    let w = transposeApplied(to: s)
    let (overlap, alignment) = (w.overlaps(with: residual), s.overlaps(with: p))
    let square =
      StateSharding.current == nil
      ? s.square().sum(alongAxis: 1, keepingAxis: true) : s.overlaps(with: s)
    var d = overlap + alignment
    let numbers = d.detached().scalars
    let c = zip(numbers, square.detached().scalars).map { $0 / $1 }
    let bounds = zip(w.normsOfSamples, noise).map { $0 * $1 }
    let isUsable = numbers.indices.map {
      isInformative[$0] && numbers[$0].isFinite && abs(numbers[$0]) > bounds[$0]
    }
    // d - <w, g+>, which is <s, p> without a difference unless it is damped.
    var rest = alignment
    let isDamped = c.map { abs($0) < sigma }
    if isDamped.contains(true) {
      let damped = (square - d).scalingSamples(
        by: c.map { $0 < 0 ? -sigma / (1 + sigma) : sigma / (1 - sigma) })
      d = d.replacingSamples(isDamped, with: damped)
      rest = rest.replacingSamples(isDamped, with: damped - overlap)
    }
    d = d.replacingSamples(isUsable.map(!), with: .ones(d.shape, dtype: d.dtype))
    let gap = s - p
    let u = ((gap + image) / d).keepingSamples(isUsable)
    append(u, w.keepingSamples(isUsable))
    let onwards = image.replacingSamples(
      isUsable, with: image * (rest / d) - gap * (overlap / d))
    return isAccepted.contains(false)
      ? (p + u * alignment).replacingSamples(isAccepted, with: onwards) : onwards
  }
}
