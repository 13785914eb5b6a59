import Tensors

extension ForwardSolver {
  /// Iterates `map` from `initial` until `rule` is met.
  ///
  /// With a tolerance, each sample's result is its iterate of smallest residual |f(z) - z|, chosen
  /// by selection: a NaN in one sample changes no other and does not destroy its own best iterate.
  /// A sample is settled once it has converged, stalled, diverged (its residual exceeds a thousand
  /// times the first, and rounding noise) or is no longer finite; the solve ends when all are
  /// settled. Settled samples leave the iteration if both the map and the solver's history can be
  /// restricted to the others. With a number of evaluations, the result is the last iterate.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - initial: the first iterate, [batch, ...]; a previous solution's value for a warm start.
  ///   - rule: when to stop.
  /// - Returns: the solution, recorded if recording is on (this is what `Unrolled` differentiates).
  /// - Throws: what `map` throws. Not converging is no error but an outcome in the report.
  /// - Complexity: at most `rule.limit` evaluations of each sample.
  public func solve(
    _ map: FixedPointMap, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution {
    expect(
      initial.rank > 0,
      "a fixed point needs a state of shape [batch, ...], but the initial state is a scalar")
    var context = SolveContext(map, batch: initial.shape[0], until: rule)
    var progress = SolveProgress(from: initial, until: rule, failures: toleratedFailures)
    var history = makeHistory()
    var departed: [(positions: [Int], inverse: any InverseJacobian)] = []
    var mayShrink = rule.tolerance != nil
    var z = initial
    while !progress.isOver {
      var image = try context.image(of: z)
      progress.record(z, image: image, in: context)
      if rule.tolerance != nil {
        if progress.isOver { break }
        let open = progress.openRows
        if mayShrink, open.count < context.samples.count {
          if let smaller = try context.restricted(to: open),
            let kept = self.history(history, ofSamples: open)
          {
            if let inverse = inverse(from: history) {
              let settled = progress.settledRows
              departed.append((settled.map { context.samples[$0] }, inverse.samples(settled)))
            }
            progress.keepOnly(open)
            (context, history) = (smaller, kept)
            (z, image) = (z.samples(open), image.samples(open))
          } else {
            mayShrink = false
          }
        }
      }
      z = try next(after: z, image: image, in: context, &history)
      expectShape(z, like: image)
    }
    if let inverse = inverse(from: history) { departed.append((context.samples, inverse)) }
    return progress.solution(
      lastIterate: z, inverse: joined(departed), counts: context.counts)
  }

  /// Iterates a map given as a closure; see `solve(_:from:until:)`.
  public func solve(
    _ map: @escaping (Tensor) throws -> Tensor, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution {
    try solve(FixedPointMap(map), from: initial, until: rule)
  }

  private func expectShape(_ z: Tensor, like state: Tensor) {
    expect(
      z.shape == state.shape && z.dtype == state.dtype,
      "a solver's next iterate must be like the state, \(state.dtype) \(state.shape), but "
        + "\(Self.self) returned \(z.dtype) \(z.shape)")
  }
}

/// The inverse of the whole batch from those of its parts.
private func joined(
  _ parts: [(positions: [Int], inverse: any InverseJacobian)]
) -> (any InverseJacobian)? {
  guard let first = parts.first else { return nil }
  if parts.count == 1 { return first.inverse }
  func join<Inverse: InverseJacobian>(like _: Inverse) -> any InverseJacobian {
    Inverse.joining(
      parts.compactMap { part in (part.inverse as? Inverse).map { (part.positions, $0) } })
  }
  return join(like: first.inverse)
}
