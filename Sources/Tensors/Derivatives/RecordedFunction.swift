import Synchronization

/// One evaluation of a function on the tape, with the points at which it is differentiated.
///
/// Everything that differentiates a function goes through here: it evaluates once, and then products
/// with the Jacobian and its transpose are as many as are asked for. A derivative is itself
/// recorded where `recordsDerivatives`: recording is on in this thread, and what was evaluated
/// depends on more than the points themselves, so that somebody may ask for the derivative of the
/// derivative.
package final class RecordedFunction {
  /// What the function returned.
  package let values: [Tensor]
  /// Where it was evaluated, each with its node.
  let points: [Tensor]
  /// What is older, and no point, counts as a constant.
  private let mark: Int
  /// Whether somebody outside can see the points: they have a history, or are variables.
  private let isSeen: Bool
  private let madePath = Mutex<BackwardPath?>(nil)

  /// Found when it is first needed; several threads may ask at once.
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

  /// Evaluates `f`, recorded, at points with a new place on the tape.
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

  /// Evaluates `f`, recorded; the points are variables that it reads itself.
  ///
  /// What it reads of values computed from the variables earlier counts as a constant.
  package convenience init(variables: [Tensor], of f: () throws -> [Tensor]) rethrows {
    let mark = Node(isVariable: false).sequence
    let values = try recording(true) { try f() }
    self.init(values: values, points: variables, mark: mark, isSeen: true)
  }

  /// Whether derivatives are to be recorded themselves.
  package var recordsDerivatives: Bool { isRecording && (isSeen || path.hasOtherSources) }

  /// Whether derivatives along `directions` are to be recorded themselves.
  package func recordsDerivatives(along directions: [Tensor]) -> Bool {
    isRecording && (directions.contains(where: \.isRecorded) || recordsDerivatives)
  }

  /// Whether there are operators of which nothing is known but their pullback.
  var hasOpaqueRules: Bool { path.hasOpaqueRules }

  /// The sum over values of J^T v, one product for each point.
  ///
  /// - Parameters:
  ///   - cotangents: v, one for each value.
  ///   - recorded: whether the products are recorded.
  ///   - releasing: whether this is the last use of the evaluation, so that what it holds may go on
  ///     the way; default false.
  /// - Returns: products; zeros for a point that no value depends on.
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

  /// A derivative that is to be recorded: where it is a constant, with the derivative 0.
  package func constant(_ derivative: Tensor) -> Tensor {
    derivative.constant(in: points, CapturedNodes(by: values, since: mark).nodes)
  }

  /// The gradient of the only value, a number, as a function of the same points.
  package func gradient() throws -> RecordedFunction {
    RecordedFunction(
      values: try pullback([seedOfNumber()], recorded: true), points: points, mark: mark,
      isSeen: isSeen)
  }

  /// 1, the cotangent of the only value, which has to be a number.
  package func seedOfNumber() -> Tensor {
    expect(
      values[0].count == 1,
      "a gradient is one of a single number, but the function returned the shape "
        + "\(values[0].shape); reduce it with sum() or mean(), or ask for its jacobian(at:of:)")
    return .ones(values[0].shape, dtype: values[0].dtype)
  }

  /// The transpose of the pullback from the first value: s -> J s.
  ///
  /// - Complexity: one backward pass, recorded.
  package func pushforward() throws -> Pushforward {
    let seed = Node(isVariable: false)
    // Any w will do: the record of a linear function does not depend on where it was made.
    let zero = values[0].zerosLike()
    let others = values.dropFirst().map { $0.zerosLike() }
    let products = try pullback(
      [Tensor(zero.storage, zero.shape, node: seed)] + others, recorded: true)
    return Pushforward(path: BackwardPath(from: products.map(\.node), to: [seed]), zero: zero)
  }

  /// Stops unless there is one direction of the right kind for each point.
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
/// The tape runs backwards only, but w -> J^T w is linear in w, so that a way back through the
/// record of it is the transpose of the transpose.
package struct Pushforward {
  fileprivate let path: BackwardPath
  fileprivate let zero: Tensor

  /// J s, of the shape of the value.
  ///
  /// - Parameters:
  ///   - directions: s, one for each point.
  ///   - recorded: whether the product is recorded.
  /// - Returns: the sum over points of J s.
  /// - Throws: what a rule throws.
  package func callAsFunction(_ directions: [Tensor], recorded: Bool) throws -> Tensor {
    var product: Tensor?
    try path.run(seeds: directions, releasing: false, creatingGraph: recorded) { _, result in
      product = result
    }
    return product ?? zero
  }
}
