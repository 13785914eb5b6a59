import Tensors

/// The map of a solve as a solver sees it: evaluations, derivatives and remarks, all counted.
///
/// Covers those samples that are still in the solve, or fewer: rows of axis 0 of the states that
/// it is given. Positions in the whole batch appear only in the report.
public final class SolveContext {
  /// What a solve has cost so far.
  final class Counts {
    var evaluations = 0
    var sampleEvaluations = 0
    var jacobianProducts = 0
    /// Per sample of the whole batch.
    var ofSamples: [Int]
    var remarks: [Int: [String]] = [:]
    var isSettled: [Bool]
    /// The evaluations that a sample may take; nil if iterations are counted instead.
    let limit: Int?

    init(batch: Int, limit: Int?) {
      self.limit = limit
      ofSamples = Array(repeating: 0, count: batch)
      isSettled = Array(repeating: false, count: batch)
    }
  }

  /// The positions, in the whole batch, of the rows.
  let samples: [Int]
  let counts: Counts
  private let whole: FixedPointMap
  private let map: FixedPointMap
  /// The samples that the map is evaluated on for these rows.
  private let cost: Int
  private var latest: (z: Tensor, image: Tensor, residual: Residual)?

  init(_ map: FixedPointMap, batch: Int, until rule: StoppingRule) {
    samples = Array(0..<batch)
    counts = Counts(batch: batch, limit: rule.tolerance == nil ? nil : rule.limit)
    whole = map
    self.map = map
    cost = batch
  }

  private init(
    _ map: FixedPointMap, samples: [Int], cost: Int, whole: FixedPointMap, counts: Counts
  ) {
    self.samples = samples
    self.counts = counts
    self.whole = whole
    self.map = map
    self.cost = cost
  }

  /// f(z), counted as one evaluation of every row.
  public func image(of z: Tensor) throws -> Tensor {
    counts.evaluations += 1
    counts.sampleEvaluations += cost
    for sample in samples { counts.ofSamples[sample] += 1 }
    return try differentiableImage(of: z)
  }

  /// f(z) - z at an iterate.
  struct Residual {
    /// Of the state's shape, recorded if the iterate or its image is.
    let value: Tensor
    /// The Euclidean norm of each sample.
    let norms: [Double]
  }

  /// The residual of an iterate, computed once for all who ask: the bookkeeping and the solver.
  func residual(at z: Tensor, image: Tensor) -> Residual {
    if let latest, latest.z.isCopy(of: z), latest.image.isCopy(of: image) {
      return latest.residual
    }
    let value = image - z
    let residual = Residual(value: value, norms: value.normsOfSamples)
    latest = (z, image, residual)
    return residual
  }

  /// f(z) for its derivative alone: like the recorded application of an implicit estimator, no
  /// part of what the solve costs.
  func differentiableImage(of z: Tensor) throws -> Tensor {
    let image = try map(z)
    expect(
      image.shape == z.shape && image.dtype == z.dtype,
      "a map must return what it is given: the state is \(z.dtype) \(z.shape), the image "
        + "\(image.dtype) \(image.shape)")
    return image
  }

  /// The map near z: its Jacobian in both directions.
  ///
  /// Counted as one evaluation; products are counted one by one.
  public func linearization(at z: Tensor) throws -> MapLinearization {
    if let product = map.jacobianProduct { return MapLinearization(product, counts: counts) }
    return try withoutRecording {
      MapLinearization(try Linearization(at: z) { try image(of: $0) }, counts: counts)
    }
  }

  /// Whether the result of a row is final, so that its next iterate does not matter.
  public func isSettled(row: Int) -> Bool { counts.isSettled[samples[row]] }

  /// Whether the stopping rule grants a row an evaluation beside that of its next iterate, so that
  /// the map may be linearised there.
  public func mayLinearize(row: Int) -> Bool {
    counts.limit.map { counts.ofSamples[samples[row]] + 2 <= $0 } ?? true
  }

  /// Leaves a remark about a row in the report: a change of course, for which the stopping rule's
  /// patience starts anew.
  public func note(_ text: String, row: Int) {
    counts.remarks[samples[row], default: []].append(text)
  }

  /// The same for fewer rows; nil if the map cannot be restricted.
  func restricted(to rows: [Int]) throws -> SolveContext? {
    let kept = rows.map { samples[$0] }
    return try whole.ofSamples(kept).map {
      SolveContext($0, samples: kept, cost: kept.count, whole: whole, counts: counts)
    }
  }

  /// The same for fewer rows, at any price: a map that cannot be restricted is evaluated on all
  /// rows, where the others are those of `z`.
  public func context(ofRows rows: [Int], around z: Tensor) throws -> SolveContext {
    if rows.count == samples.count { return self }
    if let restricted = try restricted(to: rows) { return restricted }
    let (map, surroundings) = (self.map, z.detached())
    let product = map.jacobianProduct.map { product in
      { (s: Tensor) in
        try product(surroundings.zerosLike().replacing(rows, s)).samples(rows)
      }
    }
    return SolveContext(
      FixedPointMap(
        { try map(surroundings.replacing(rows, $0)).samples(rows) }, jacobianProduct: product),
      samples: rows.map { samples[$0] }, cost: cost, whole: whole, counts: counts)
  }
}

/// The Jacobian of a map at a point, J = df/dz, as products with vectors.
public final class MapLinearization {
  private enum Products {
    case recorded(Linearization)
    case forward((Tensor) throws -> Tensor)
  }

  private let products: Products
  private let counts: SolveContext.Counts
  /// J, [batch, n, n], once it had to be assembled.
  private var dense: Tensor?

  init(_ exact: Linearization, counts: SolveContext.Counts) {
    products = .recorded(exact)
    self.counts = counts
  }

  init(_ product: @escaping (Tensor) throws -> Tensor, counts: SolveContext.Counts) {
    products = .forward(product)
    self.counts = counts
  }

  /// J^T v.
  ///
  /// - Throws: what the map's operators throw; `LinearizedAdjoint` if the map is itself the adjoint
  ///   of another.
  public func pullback(_ v: Tensor) throws -> Tensor {
    guard case .recorded(let exact) = products else { throw LinearizedAdjoint() }
    counts.jacobianProducts += 1
    return try exact.pullback(v)
  }

  /// J s, exactly.
  ///
  /// A map with a fused operator has no forward product; its Jacobian is then assembled from n
  /// pullbacks, once, for a state of n numbers per sample.
  public func pushforward(_ s: Tensor) throws -> Tensor {
    if dense == nil {
      counts.jacobianProducts += 1
      switch products {
      case .forward(let product): return try product(s)
      case .recorded(let exact): if let product = try exact.pushforward(s) { return product }
      }
      counts.jacobianProducts -= 1
      dense = try jacobian(shape: s.shape, dtype: s.dtype) { try pullback($0) }
    }
    guard let dense else { return s.zerosLike() }
    let flat = s.flatSamples
    return dense.matmul(flat.reshaped(flat.shape + [1])).reshaped(s.shape)
  }
}
