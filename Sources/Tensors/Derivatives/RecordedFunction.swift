import Synchronization

/// One evaluation of a function on the tape, with the points at which it is differentiated.
///
/// Every function that differentiates another one uses this type. It evaluates the function once;
/// after that, any number of products with the Jacobian and its transpose can be asked for. A
/// derivative is itself recorded where `recordsDerivatives` is true: recording is on in this
/// thread, and the evaluation depends on more than the points themselves, so that somebody may ask
/// for the derivative of the derivative.
package final class RecordedFunction {
  /// What the function returned.
  package let values: [Tensor]
  /// The tensors at which it was evaluated, each with its own node.
  let points: [Tensor]
  /// The sequence number of a node: nodes that are older, and are not points, count as constants.
  private let mark: Int
  /// Whether code outside can refer to the points: they have a history, or are variables.
  private let isSeen: Bool
  private let madePath = Mutex<BackwardPath?>(nil)

  /// The path from the values to the points, found when it is first needed.
  ///
  /// Several threads may ask for it at once.
  private var path: BackwardPath {
    madePath.withLock { made in
      if let made { return made }
      let path = BackwardPath(
        from: values.map(\.node), to: points.compactMap(\.node), since: mark)
      made = path
      return path
    }
  }

  private init(values: [Tensor], points: [Tensor], mark: Int, isSeen: Bool) {
    (self.values, self.points, self.mark, self.isSeen) = (values, points, mark, isSeen)
  }

  /// Evaluates `f`, recorded, at points that get a new place on the tape.
  ///
  /// - Parameters:
  ///   - inputs: the points.
  ///   - keepingHistory: whether derivatives also flow to what the inputs were computed from;
  ///     otherwise they count as constants.
  ///   - f: the function.
  package convenience init(
    at inputs: [Tensor], keepingHistory: Bool = true, of f: ([Tensor]) throws -> [Tensor]
  ) rethrows {
    let points = inputs.map {
      Tensor($0.storage, $0.shape, node: Node(passingTo: keepingHistory ? $0.node : nil))
    }
    let mark = points.first?.node?.sequence ?? 0
    let values = try recording(true) { try f(points) }
    self.init(
      values: values, points: points, mark: mark,
      isSeen: keepingHistory && inputs.contains(where: \.isRecorded))
  }

  /// Evaluates `f`, recorded; `f` itself reads the points, which are variables.
  ///
  /// A value that was computed from the variables earlier counts as a constant.
  package convenience init(variables: [Tensor], of f: () throws -> [Tensor]) rethrows {
    let mark = Node(isVariable: false).sequence
    let values = try recording(true) { try f() }
    self.init(values: values, points: variables, mark: mark, isSeen: true)
  }

  /// Whether derivatives are themselves to be recorded.
  package var recordsDerivatives: Bool { isRecording && (isSeen || path.hasOtherSources) }

  /// Whether derivatives along `directions` are themselves to be recorded.
  package func recordsDerivatives(along directions: [Tensor]) -> Bool {
    isRecording && (directions.contains(where: \.isRecorded) || recordsDerivatives)
  }

  /// Whether the function has operators of which only the pullback is known, so that they cannot be
  /// differentiated again.
  var hasOpaqueRules: Bool { path.hasOpaqueRules }

  /// J^T v, summed over the values, one product for each point.
  ///
  /// - Parameters:
  ///   - cotangents: v, one for each value.
  ///   - recorded: whether the products are recorded.
  ///   - releasing: whether this is the last use of the evaluation, so that its memory may be
  ///     released during the pass; default false.
  /// - Returns: one product for each point; zeros for a point that no value depends on.
  /// - Throws: what a rule throws.
  package func pullback(
    _ cotangents: [Tensor], recorded: Bool, releasing: Bool = false
  ) throws -> [Tensor] {
    var products: [Int: Tensor] = [:]
    try path.run(seeds: cotangents, releasing: releasing, creatingGraph: recorded) {
      node, product in products[node.sequence] = product
    }
    return points.map { point in
      let product = point.node.flatMap { products[$0.sequence] } ?? point.zerosLike()
      return recorded ? constant(product) : product
    }
  }

  /// J^T v of a function with one value and one point, which methods that iterate call again and again.
  func pullback(_ cotangent: Tensor, recorded: Bool) throws -> Tensor {
    var found: Tensor?
    try path.run(
      seeds: CollectionOfOne(cotangent), releasing: false, creatingGraph: recorded
    ) { _, product in found = product }
    let product = found ?? points[0].zerosLike()
    return recorded ? constant(product) : product
  }

  /// A derivative that is to be recorded; if it is a constant, it is recorded with the derivative
  /// 0.
  package func constant(_ derivative: Tensor) -> Tensor {
    derivative.constant(in: points, CapturedNodes(by: values, since: mark).nodes)
  }

  /// The gradient of the only value, which has one element, as a function of the same points.
  package func gradient() throws -> RecordedFunction {
    RecordedFunction(
      values: try pullback([seedOfNumber()], recorded: true), points: points, mark: mark,
      isSeen: isSeen)
  }

  /// The number 1, as the cotangent of the only value.
  ///
  /// Stops unless that value has one element.
  package func seedOfNumber() -> Tensor {
    expect(
      values[0].count == 1,
      "a gradient is one of a single number, but the function returned the shape "
        + "\(values[0].shape); reduce it with sum() or mean(), or ask for its jacobian(at:of:)")
    return .ones(values[0].shape, dtype: values[0].dtype)
  }

  /// The products s -> J s with the Jacobian of the first value, found by transposing the pullback.
  ///
  /// - Complexity: one recorded backward pass.
  package func pushforward() throws -> Pushforward {
    let seed = Node(isVariable: false)
    // Zero serves as w: the record of a function that is linear in w is the same for every w.
    let zero = values[0].zerosLike()
    let others = values.dropFirst().map { $0.zerosLike() }
    let products = try pullback(
      [Tensor(zero.storage, zero.shape, node: seed)] + others, recorded: true)
    return Pushforward(path: BackwardPath(from: products.map(\.node), to: [seed]), zero: zero)
  }

  /// Stops unless there is one direction for each point, of the point's shape and dtype.
  package func expectDirections(_ directions: [Tensor]) {
    expect(
      directions.count == points.count,
      "\(directions.count) directions were given for \(points.count) points")
    for (direction, point) in zip(directions, points) {
      expect(
        direction.shape == point.shape && direction.dtype == point.dtype,
        "the direction is \(direction.dtype) \(direction.shape) but the point is "
          + "\(point.dtype) \(point.shape)")
    }
  }
}

/// Products s -> J s.
///
/// The tape runs backwards only. But w -> J^T w is linear in w, so a backward pass through the
/// record of this function is its transpose, which is s -> J s.
package struct Pushforward {
  fileprivate let path: BackwardPath
  fileprivate let zero: Tensor

  /// The product J s, of the shape of the value.
  ///
  /// - Parameters:
  ///   - directions: s, one for each point.
  ///   - recorded: whether the product is recorded.
  /// - Returns: J s, summed over the points.
  /// - Throws: what a rule throws.
  package func callAsFunction(_ directions: [Tensor], recorded: Bool) throws -> Tensor {
    var product: Tensor?
    try path.run(seeds: directions, releasing: false, creatingGraph: recorded) { _, result in
      product = result
    }
    return product ?? zero
  }
}
