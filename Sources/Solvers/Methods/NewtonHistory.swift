import Tensors

/// Newton's step of every sample, and how far it is followed.
public struct NewtonHistory: PerSample, Sendable {
  private var direction: Tensor?
  private var region = TrustRegion(StepPolicy(excursion: 6))

  init() {}

  /// Shows all of the history to the visitor, since every part of it belongs to samples.
  public mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&direction)
    visitor.visit(&region)
  }

  /// The next point: a shorter step in the samples whose last step was too long, and a new step in
  /// the others.
  ///
  /// - Parameters:
  ///   - point: where the last step led to.
  ///   - solve: the points of some rows, the rows, and how far the systems there are to be solved ->
  ///     the steps (I - J)^-1 g.
  /// - Returns: [rows, n].
  /// - Throws: what `solve` throws.
  mutating func next(
    after point: Iterate,
    solvingBy solve: (_ base: KnownPoint, _ rows: [Int], _ forcing: [Double]) throws -> Tensor
  ) throws -> Tensor {
    let before = region.norms
    let trial = region.judge(point)
    let base = region.base ?? KnownPoint(point)
    let isWaiting = point.norms.indices.map { row in
      trial.map { $0.isAccepted[row] || $0.hasReturned[row] } ?? true
        && !point.map.isSettled(row: row)
    }
    let rows = isWaiting.indices.filter { isWaiting[$0] && point.map.mayLinearize(row: $0) }
    var p = direction?.replacingSamples(isWaiting, with: base.residual) ?? base.residual
    if !rows.isEmpty {
      let forcing = rows.map { row -> Double in
        guard let trial else { return 0.1 }
        let ratio = point.norms[row] / before[row]
        return trial.isAccepted[row] && ratio < 1 ? min(max(0.9 * ratio * ratio, 1e-4), 0.1) : 1e-4
      }
      let steps = try solve(base.samples(rows), rows, forcing)
      p = rows.count == isWaiting.count ? steps : p.replacing(rows, steps)
    }
    direction = p
    return region.next(along: p)
  }
}

extension KnownPoint {
  /// The length of the longest step that is accepted: ten thousand sizes of the state.
  ///
  /// A longer step is that of a singular I - J along its null vector.
  var longestSteps: [Double] {
    zip(z.normsOfSamples, residual.normsOfSamples).map { 1e4 * max($0 + $1, 1) }
  }
}
