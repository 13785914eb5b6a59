import Tensors

/// The map of a solve as a solver sees it: evaluations, derivatives and remarks, all counted.
///
/// It covers those samples that are still in the solve, or some of them: they are the rows of the
/// states [rows, n]. Positions in the whole batch appear only in the report.
public final class CountedMap {
  /// The positions, in the whole batch, of the rows.
  let samples: [Int]
  let ledger: SolveLedger
  private let whole: FixedPointMap
  private let map: FixedPointMap
  /// The number of samples on which the map is evaluated for these rows.
  private let cost: Int

  convenience init(_ map: FixedPointMap, like initial: Tensor, ledger: SolveLedger) {
    let (batch, flat) = (initial.shape[0], map.flattened(initial.shape.suffix(from: 1)))
    self.init(flat, samples: Array(0..<batch), cost: batch, whole: flat, ledger: ledger)
  }

  private init(
    _ map: FixedPointMap, samples: [Int], cost: Int, whole: FixedPointMap, ledger: SolveLedger
  ) {
    (self.map, self.samples, self.cost) = (map, samples, cost)
    (self.whole, self.ledger) = (whole, ledger)
  }

  /// The same map for a run that has another ledger.
  func writing(to ledger: SolveLedger) -> CountedMap {
    CountedMap(map, samples: samples, cost: cost, whole: whole, ledger: ledger)
  }

  /// f(z), counted as one evaluation of every row.
  ///
  /// - Throws: what the map throws; `CancellationError`.
  public func image(of z: Tensor) throws -> Tensor {
    try countEvaluation()
    return try map(z)
  }

  /// Counts an evaluation that is about to begin, unless the task has been cancelled.
  private func countEvaluation() throws {
    try Task.checkCancellation()
    ledger.countEvaluation(of: samples, cost: cost)
  }

  /// The image of the present iterate.
  func imageOfIterate(_ z: Tensor) throws -> Tensor {
    guard let last = whole.last, ledger.isAtLast else { return try image(of: z) }
    try countEvaluation()
    return try last(z)
  }

  /// f(z) for its derivative alone.
  ///
  /// Like the recorded application of an implicit estimator, it does not count as a cost of the
  /// solve.
  func uncountedImage(of z: Tensor) throws -> Tensor { try map(z) }

  /// F(z) = z - f(z), not rounded to the digits of z if the map knows F itself.
  ///
  /// It counts as an evaluation.
  func equation(at z: Tensor) throws -> Tensor {
    guard let equation = map.equation else { return try z - image(of: z) }
    try countEvaluation()
    return try StateSharding.outside { try equation(z) }
  }

  /// Whether the map knows F itself.
  var knowsEquation: Bool { map.equation != nil }

  /// L of each row, where f(z) = z - dL/dz; for solvers that descend.
  ///
  /// It is not counted, because it is computed together with dL/dz.
  ///
  /// Stops when f is not a step against a gradient.
  func losses(at z: Tensor) throws -> [Double] {
    guard let loss = map.loss else {
      callerMistake(
        "this solver descends, and needs a loss to do so: use it with minimum(of:from:), and for "
          + "equations a solver of equations such as .newtonKrylov()")
    }
    let losses = try StateSharding.outside { try withoutRecording { try loss(z) } }
    return StateSharding.current?.sums(losses.scalars) ?? losses.scalars
  }

  /// The map near z: its Jacobian in both directions.
  ///
  /// It counts as one evaluation; each product is counted too.
  public func linearization(at z: Tensor) throws -> MapLinearization {
    if let product = map.jacobianProduct {
      return MapLinearization(ledger: ledger, forth: product, back: nil)
    }
    let near = try StateSharding.outside {
      try withoutRecording { try Linearization(at: z) { try image(of: $0) } }
    }
    if near.isAssembled {
      StateSharding.expectWhole("J s through an operator of which only a pullback is known")
    }
    return MapLinearization(
      ledger: ledger, forth: { s in try StateSharding.outside { try near.pushforward(s) } },
      back: { v in try StateSharding.outside { try near.pullback(v) } })
  }

  /// Whether the result of a row is final, so that its next iterate does not matter.
  public func isSettled(row: Int) -> Bool { !ledger.isOpen(samples[row]) }

  /// Whether the stopping rule leaves a row an evaluation in addition to that of its next iterate,
  /// so that the map can be linearised there.
  public func mayLinearize(row: Int) -> Bool { ledger.remaining(samples[row]) >= 2 }

  /// The rule that says when the solve ends.
  var rule: StoppingRule { ledger.rule }

  /// Leaves a remark about a row in the report: a change of method, and why.
  public func note(_ text: String, row: Int) { ledger.note(text, sample: samples[row]) }

  /// Ends the solve of a row, for a solver that judges itself (`ForwardSolver.judgesFailures`).
  public func giveUp(row: Int, as outcome: Outcome) { ledger.settle(samples[row], outcome) }

  /// The same map for fewer rows; nil if it cannot be restricted.
  func restricted(to rows: [Int]) throws -> CountedMap? {
    let kept = rows.map { samples[$0] }
    return try whole.ofSamples(kept).map {
      CountedMap($0, samples: kept, cost: kept.count, whole: whole, ledger: ledger)
    }
  }

  /// The same map for fewer rows in every case: a map that cannot be restricted is evaluated on all
  /// rows, with the other rows taken from `z`.
  public func ofRows(_ rows: [Int], around z: Tensor) throws -> CountedMap {
    if rows.count == samples.count { return self }
    if let restricted = try restricted(to: rows) { return restricted }
    let (map, surroundings) = (self.map, z.detached())
    var part = FixedPointMap(
      { try map(surroundings.replacing(rows, $0)).samples(rows) },
      jacobianProduct: map.jacobianProduct.map { product in
        { try product(surroundings.zerosLike().replacing(rows, $0)).samples(rows) }
      })
    part.loss = map.loss.map { loss in
      { try loss(surroundings.replacing(rows, $0)).samples(rows) }
    }
    part.equation = map.equation.map { equation in
      { try equation(surroundings.replacing(rows, $0)).samples(rows) }
    }
    return CountedMap(
      part, samples: rows.map { samples[$0] }, cost: cost, whole: whole, ledger: ledger)
  }
}

/// The Jacobian of a map at a point, J = df/dz, as products with vectors [rows, n].
public struct MapLinearization {
  private let ledger: SolveLedger
  private let forth: FixedPointMap.Function
  /// Nil if the map is itself the adjoint of another.
  private let back: FixedPointMap.Function?

  init(
    ledger: SolveLedger, forth: @escaping FixedPointMap.Function, back: FixedPointMap.Function?
  ) {
    (self.ledger, self.forth, self.back) = (ledger, forth, back)
  }

  /// J^T v.
  ///
  /// - Throws: what the map's operators throw; `LinearizedAdjoint` if the map is itself the adjoint
  ///   of another; `CancellationError`.
  public func pullback(_ v: Tensor) throws -> Tensor {
    guard let back else { throw LinearizedAdjoint() }
    try Task.checkCancellation()
    ledger.countProduct()
    return try back(v)
  }

  /// J s, exactly; see `Linearization.pushforward` for the price.
  ///
  /// - Throws: what the map's operators throw; `CancellationError`.
  public func pushforward(_ s: Tensor) throws -> Tensor {
    try Task.checkCancellation()
    ledger.countProduct()
    return try forth(s)
  }

  /// J of every row, by products J^T e_i; by J e_i if the map is itself the adjoint of another.
  ///
  /// - Parameters:
  ///   - state: any tensor of the shape of z, [rows, n].
  ///   - structure: which entries of J can differ from zero; default all.
  /// - Returns: [rows, n, n].
  /// - Throws: what the map's operators throw.
  /// - Complexity: n products, or the number that the structure needs.
  public func jacobians(
    like state: Tensor, structure: JacobianStructure = .dense
  ) throws -> Tensor {
    guard back == nil else {
      return try jacobiansOfSamples(like: state, structure: structure, pullback: pullback)
    }
    return try jacobiansOfSamples(
      like: state, structure: structure.transposed, pullback: pushforward
    )
    .transposed()
  }
}

/// The error that a solver differentiated w -> J^T w + v, which is not recorded.
public struct LinearizedAdjoint: Error, CustomStringConvertible {
  /// Makes the error.
  package init() {}

  /// What happened and what to try.
  public var description: String {
    "the solver differentiates its map, but of an adjoint, w -> J^T w + v, only forward products "
      + "are known (MapLinearization.pushforward), since applications of J^T are not recorded; "
      + "use .gmres, or a solver that evaluates its map only, such as .anderson() or .broyden()"
  }
}
