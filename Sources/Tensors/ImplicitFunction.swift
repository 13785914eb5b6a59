/// One application of a map f at a point x with x = f(x; theta), from which all derivatives of x
/// follow.
///
/// By the implicit function theorem, dL/dtheta = w^T df/dtheta, where w solves (I - J^T) w = v,
/// with J = df/dx and v = dL/dx. So the tape holds one application of f, however many it took to
/// find x.
///
/// w depends on v, x and theta, and is itself the fixed point of an affine map: w = v + J^T w.
/// Where a backward pass is itself to be differentiated, f is applied once more, at x with its
/// history. Then w is recorded as x was, by one application of its own map, and has a system for
/// its own cotangent, (I - J) y = u. The same step gives derivatives of any order, forwards and
/// backwards; each order adds the memory of one application.
package struct ImplicitFunction {
  /// Solves (I - J^T) w = v.
  ///
  /// - v: the cotangent.
  /// - pullback: w -> J^T w; where the order is odd, it is w -> J w, and (I - J) w = v is solved.
  /// - order: 0 for the adjoint of the solution itself, k for a system of its k-th derivative.
  ///
  /// Returns w, and what the table of gradients is to keep of how it went.
  package typealias Solve = (
    _ v: Tensor, _ pullback: @escaping (Tensor) throws -> Tensor, _ order: Int
  ) throws -> (w: Tensor, report: (any Sendable)?)

  /// f(x), recorded with respect to what f captures.
  package let image: Tensor
  private let map: (Tensor) throws -> Tensor
  private let point: Tensor
  private let plainPullback: (Tensor) throws -> Tensor
  /// The nodes that f read and that are older than this application.
  private let captured: [Node?]

  /// Applies f once, recorded.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - point: x; its history is ignored.
  /// - Throws: what `map` throws.
  package init(_ map: @escaping (Tensor) throws -> Tensor, at point: Tensor) throws {
    (self.map, self.point) = (map, point.detached())
    let mark = Node(isVariable: false).sequence
    (image, plainPullback) = try valueWithPullback(at: self.point, of: map)
    captured = CapturedNodes(by: [image], since: mark).nodes.map { $0 }
  }

  /// J^T w.
  ///
  /// While recording is on, it is recorded with respect to w and to the tensors that f captures.
  package func pullback(_ w: Tensor) throws -> Tensor {
    isRecording ? try Application(of: map, at: point).pullback(w) : try plainPullback(w)
  }

  /// f(x) with the derivatives of x.
  ///
  /// - Parameters:
  ///   - start: a tensor that gets J^T w as its cotangent, as if the x to which f is applied were
  ///     `start` plus a constant difference (straight-through estimates); nil for none.
  ///   - isEquation: whether w solves the equation above, so that it has the derivatives of the
  ///     equation; otherwise w has the derivatives of whatever `solve` computes, at a constant x.
  ///   - order: 0 for a solution x, and k for the solution of a system for its k-th derivative.
  ///   - solve: v -> w; it runs recorded if its own steps have to be differentiated.
  /// - Returns: the value, recorded if f captures a recorded tensor, and the ticket for the report.
  package func solution(
    straightThroughTo start: Tensor? = nil, isEquation: Bool, order: Int = 0,
    by solve: @escaping Solve
  ) -> (Tensor, ReportTicket?) {
    guard isRecording, image.isRecorded || start?.isRecorded == true else { return (image, nil) }
    let none = captured.map { _ in nil as Tensor? }
    // The system on the way back has its state where the solution has it: in parts, or whole, as a rule
    // finds it.
    let sharding = StateSharding.current
    let solveThere: Solve = { v, pullback, order in
      guard let sharding else { return try solve(v, pullback, order) }
      return try StateSharding.with(sharding) {
        try solve(v, { w in try StateSharding.outside { try pullback(w) } }, order)
      }
    }
    let node = Node(
      inputs: [image.node, start?.node] + captured, output: (image.storage, image.shape),
      operation: "implicit solution"
    ) { v, output, needs in
      guard isRecording, isEquation else {
        let (w, report) = try solveThere(v, pullback, order)
        expectCotangent(w, like: v)
        return ([w, needs[1] ? try pullback(w) : nil] + none, report)
      }
      let again = try Application(of: map, at: output.withElements(of: point))
      let (found, report) = try withoutRecording {
        try solveThere(v.detached(), plainPullback, order)
      }
      expectCotangent(found, like: v)
      let system = try ImplicitFunction({ w in try v + again.pullback(w) }, at: found)
      let w = StateSharding.with(sharding) {
        system.solution(isEquation: true, order: order + 1, by: solve).0
      }.withElements(of: found)
      let results = try again.cotangents(
        w, of: captured.enumerated().map { needs[$0 + 2] ? $1 : nil })
      return ([nil, needs[1] ? try again.pullback(w) : nil] + results, report)
    }
    return (
      Tensor(image.storage, image.shape, node: node), ReportTicket(sequence: node.sequence)
    )
  }
}

/// One application of a map, recorded so that the products derived from it can be differentiated.
private struct Application {
  private let point: Node
  private let image: Tensor
  private let zero: Tensor

  init(of map: (Tensor) throws -> Tensor, at x: Tensor) throws {
    let point = Node(passingTo: x.node)
    image = try recording(true) { try map(Tensor(x.storage, x.shape, node: point)) }
    zero = x.zerosLike()
    self.point = point
  }

  /// J^T w, recorded.
  func pullback(_ w: Tensor) throws -> Tensor { try cotangents(w, of: [point])[0] ?? zero }

  /// The cotangents of some nodes that the map read, recorded.
  func cotangents(_ w: Tensor, of nodes: [Node?]) throws -> [Tensor?] {
    var found: [Int: Tensor] = [:]
    try BackwardPath(from: [image.node], to: nodes.compactMap { $0 } + [point]).run(
      seeds: [w], releasing: false, creatingGraph: true
    ) { node, cotangent in found[node.sequence] = cotangent }
    return nodes.map { $0.flatMap { found[$0.sequence] } }
  }
}
