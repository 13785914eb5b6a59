import Tensors

/// A finished paired iteration, kept as far as is needed to run it backwards: two iterates of each
/// sample.
struct ReversiblePath {
  /// Iterate k and the one before.
  private typealias Pair = (now: Tensor, former: Tensor)

  private let solver: PairedIteration
  private let start: Tensor
  /// The best iterate of each sample, at which it ended.
  private let end: Pair
  /// The number of steps that led each sample there.
  private let steps: [Int]
  /// Pairs that were kept as anchors, by k.
  private let anchors: [Int: Pair]

  /// Runs the iteration, unrecorded.
  ///
  /// - Returns: the path, the solution's value, and the report.
  /// - Throws: what the map throws.
  static func solving(
    _ map: FixedPointMap, from start: Tensor, by solver: PairedIteration, until rule: StoppingRule,
    anchors interval: Int?
  ) throws -> (path: ReversiblePath, value: Tensor, report: SolveReport) {
    var run = SolveRun(solver, of: map, from: start, until: rule)
    run.mayShrink = false
    func pair() -> Pair {
      let tensors = run.tensors.map { $0.reshaped(start.shape) }
      return (tensors[0], tensors[tensors.count - 1])
    }
    var end = pair()
    var anchors: [Int: Pair] = [:]
    while !run.isOver {
      let (iterate, here) = (run.ledger.iterations, pair())
      if let interval, iterate > 0, iterate % interval == 0 { anchors[iterate] = here }
      try run.advance()
      let isBest = run.ledger.bestIterates.map { $0 == iterate }
      guard rule.tolerance != nil, isBest.contains(true) else { continue }
      end = (
        end.now.replacingSamples(isBest, with: here.now),
        end.former.replacingSamples(isBest, with: here.former)
      )
    }
    if rule.tolerance == nil { end = pair() }
    let steps = run.ledger.returnedIterates
    run.ledger.keep(differentiatedSteps: steps.map { max($0, 1) })
    let path = ReversiblePath(
      solver: solver, start: start, end: end, steps: steps, anchors: anchors)
    let solution = run.solution
    return (path, solution.value, solution.report)
  }

  /// Runs the iteration once more, recorded, up to the iterate at which each sample ended.
  ///
  /// - Throws: what the map throws; `CancellationError`.
  func again(_ map: FixedPointMap, from start: Tensor) throws -> Tensor {
    var (now, former, found) = (start, start, start)
    for step in 0...(steps.max() ?? 0) {
      let ends = steps.map { $0 == step }
      let last = step == steps.max()
      if step > 0 && ends.contains(true) { found = found.replacingSamples(ends, with: now) }
      if last && step > 0 { break }
      try Task.checkCancellation()
      let image = try map(now)
      if step == 0 && ends.contains(true) {
        found = found.replacingSamples(ends, with: image.withElements(of: start))
      }
      (now, former) = (solver.step(from: former, image: image), now)
    }
    return found
  }

  /// The cotangents of the start and of what the map captures.
  ///
  /// - Parameters:
  ///   - v: the cotangent of the solution.
  ///   - function: the map.
  ///   - tolerance: the relative error that is accepted.
  /// - Returns: the cotangents.
  /// - Throws: `ReversalDrift`; what the map throws.
  func back(
    _ v: Tensor, through function: ReversedFunction, tolerance: Double
  ) throws -> (Tensor, ReversedFunction.Cotangents) {
    var cotangents = function.noCotangents
    let stays = steps.map { $0 == 0 }
    // Cotangents of the iterates `pair.now` and `pair.former`.
    var (a, c) = (v.keepingSamples(stays.map { !$0 }), v.zerosLike())
    var pair = end
    for step in (0..<(steps.max() ?? 0)).reversed() {
      try Task.checkCancellation()
      let goes = steps.map { $0 > step }
      let (image, pullback) = try function.application(at: pair.former)
      let (product, others) = try pullback(a.keepingSamples(goes) * solver.relaxation)
      cotangents.add(others)
      let older = solver.former(before: pair.now, image: image)
      pair = (
        pair.now.replacingSamples(goes, with: pair.former),
        pair.former.replacingSamples(goes, with: older)
      )
      (a, c) = (
        a.replacingSamples(goes, with: c + product),
        c.replacingSamples(goes, with: a * (1 - solver.relaxation))
      )
      if let anchor = step == 0 ? (start, start) : anchors[step] {
        try check(pair, against: anchor, in: goes, (a, c), of: v, tolerance)
        pair = (
          pair.now.replacingSamples(goes, with: anchor.0),
          pair.former.replacingSamples(goes, with: anchor.1)
        )
      }
    }
    var first = a + c
    if stays.contains(true) {
      let (_, pullback) = try function.application(at: start)
      let (product, others) = try pullback(v.keepingSamples(stays))
      cotangents.add(others)
      first = first.replacingSamples(stays, with: product)
    }
    return (first, cotangents)
  }

  /// Throws if the effect of a deviation on the gradient may exceed the tolerance.
  private func check(
    _ pair: Pair, against known: Pair, in goes: [Bool], _ cotangents: (Tensor, Tensor),
    of v: Tensor, _ tolerance: Double
  ) throws {
    let deviations = zip(
      (pair.now - known.now).normsOfSamples, (pair.former - known.former).normsOfSamples
    ).map { max($0, $1) }
    let sizes = zip(start.normsOfSamples, end.now.normsOfSamples).map { max($0, $1) }
    let weights = zip(cotangents.0.normsOfSamples, cotangents.1.normsOfSamples).map { $0 + $1 }
    let scales = v.normsOfSamples
    let errors = goes.indices.map { sample -> Double in
      guard goes[sample], scales[sample] != 0, deviations[sample] != 0 else { return 0 }
      return deviations[sample] / sizes[sample] * (weights[sample] / scales[sample])
    }
    let failed = errors.indices.filter { !(errors[$0] <= tolerance) }
    guard !failed.isEmpty else { return }
    let worst = failed.map { errors[$0] }.max { a, b in b.isNaN || a < b } ?? .nan
    throw ReversalDrift(
      samples: failed, error: worst, tolerance: tolerance, steps: steps.max() ?? 0)
  }
}
