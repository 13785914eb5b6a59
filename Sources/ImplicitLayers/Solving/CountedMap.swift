import Tensors

/// The map of a solve as a solver sees it: evaluations, derivatives and remarks, all counted.
///
/// Covers those samples that are still in the solve, or fewer: rows of axis 0 of the states
/// [rows, n] that it is given. Positions in the whole batch appear only in the report.
public final class CountedMap {
  /// The positions, in the whole batch, of the rows.
  let samples: [Int]
  let ledger: SolveLedger
  private let whole: FixedPointMap
  private let map: FixedPointMap
  /// The samples that the map is evaluated on for these rows.
  private let cost: Int
  /// The shape of one sample of the map's own states.
  private let shape: Shape

  convenience init(_ map: FixedPointMap, like initial: Tensor, ledger: SolveLedger) {
    let batch = initial.shape[0]
    self.init(
      map, samples: Array(0..<batch), cost: batch, whole: map,
      shape: initial.shape.suffix(from: 1), ledger: ledger)
  }

  private init(
    _ map: FixedPointMap, samples: [Int], cost: Int, whole: FixedPointMap, shape: Shape,
    ledger: SolveLedger
  ) {
    (self.map, self.samples, self.cost) = (map, samples, cost)
    (self.whole, self.shape, self.ledger) = (whole, shape, ledger)
  }

  /// The same map for a run that keeps another ledger.
  func writing(to ledger: SolveLedger) -> CountedMap {
    CountedMap(map, samples: samples, cost: cost, whole: whole, shape: shape, ledger: ledger)
  }

  /// The state in the map's own shape.
  func shaped(_ z: Tensor) -> Tensor { shape.rank == 1 ? z : z.reshaped([z.shape[0]] + shape) }

  /// f(z), counted as one evaluation of every row.
  public func image(of z: Tensor) throws -> Tensor {
    count()
    return try uncountedImage(of: z)
  }

  /// Counts an evaluation of every row.
  func count() {
    ledger.countEvaluation(of: samples, cost: cost)
  }

  /// f(z) for its derivative alone: like the recorded application of an implicit estimator, no
  /// part of what the solve costs.
  func uncountedImage(of z: Tensor) throws -> Tensor {
    shape.rank == 1 ? try map(z) : try map(shaped(z)).flatSamples
  }

  /// The map near z: its Jacobian in both directions.
  ///
  /// Counted as one evaluation; products are counted one by one.
  public func linearization(at z: Tensor) throws -> MapLinearization {
    if let product = map.jacobianProduct {
      let product = { [shape] (s: Tensor) throws -> Tensor in
        shape.rank == 1 ? try product(s) : try product(self.shaped(s)).flatSamples
      }
      return MapLinearization(.forwards(product), ledger: ledger)
    }
    return try withoutRecording {
      MapLinearization(
        .bothWays(try Linearization(at: z) { try image(of: $0) }), ledger: ledger)
    }
  }

  /// Whether the result of a row is final, so that its next iterate does not matter.
  public func isSettled(row: Int) -> Bool { !ledger.isOpen[samples[row]] }

  /// Whether the stopping rule grants a row an evaluation beside that of its next iterate, so that
  /// the map may be linearised there.
  public func mayLinearize(row: Int) -> Bool { ledger.remaining(samples[row]) >= 2 }

  /// Whether every sample takes all its evaluations, and its last iterate is the result.
  var endsWithLast: Bool { ledger.report.rule.tolerance == nil }

  /// The evaluations without progress after which a method counts as stalled.
  var patience: Int { ledger.report.rule.patience }

  /// Leaves a remark about a row in the report: a change of method, and why.
  public func note(_ text: String, row: Int) { ledger.note(text, sample: samples[row]) }

  /// Ends the solve of a row, for a solver that judges itself (`ForwardSolver.judgesFailures`).
  public func giveUp(row: Int, as outcome: Outcome) {
    ledger.settle(samples[row], outcome)
  }

  /// The same for fewer rows; nil if the map cannot be restricted.
  func restricted(to rows: [Int]) throws -> CountedMap? {
    let kept = rows.map { samples[$0] }
    return try whole.ofSamples(kept).map {
      CountedMap(
        $0, samples: kept, cost: kept.count, whole: whole, shape: shape, ledger: ledger)
    }
  }

  /// The same for fewer rows, at any price: a map that cannot be restricted is evaluated on all
  /// rows, where the others are those of `z`.
  public func ofRows(_ rows: [Int], around z: Tensor) throws -> CountedMap {
    if rows.count == samples.count { return self }
    if let restricted = try restricted(to: rows) { return restricted }
    let (map, surroundings) = (self.map, shaped(z.detached()))
    let product = map.jacobianProduct.map { product in
      { (s: Tensor) in
        try product(surroundings.zerosLike().replacing(rows, s)).samples(rows)
      }
    }
    return CountedMap(
      FixedPointMap(
        { try map(surroundings.replacing(rows, $0)).samples(rows) }, jacobianProduct: product),
      samples: rows.map { samples[$0] }, cost: cost, whole: whole, shape: shape, ledger: ledger)
  }
}

/// The Jacobian of a map at a point, J = df/dz, as products with vectors [rows, n].
public struct MapLinearization {
  enum Products {
    case bothWays(Linearization)
    case forwards((Tensor) throws -> Tensor)
  }

  private let products: Products
  private let ledger: SolveLedger

  init(_ products: Products, ledger: SolveLedger) {
    (self.products, self.ledger) = (products, ledger)
  }

  /// J^T v.
  ///
  /// - Throws: what the map's operators throw; `LinearizedAdjoint` if the map is itself the adjoint
  ///   of another.
  public func pullback(_ v: Tensor) throws -> Tensor {
    guard case .bothWays(let exact) = products else { throw LinearizedAdjoint() }
    ledger.countProduct()
    return try exact.pullback(v)
  }

  /// J s, exactly; see `Linearization.pushforward` for the price.
  public func pushforward(_ s: Tensor) throws -> Tensor {
    ledger.countProduct()
    return switch products {
    case .bothWays(let exact): try exact.pushforward(s)
    case .forwards(let product): try product(s)
    }
  }
}
