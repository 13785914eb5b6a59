/// A table of gradients, one for each variable.
///
/// ```swift
/// let table = try gradients(of: loss)
/// let step = table[weight]   // nil if the loss does not depend on it
/// ```
public struct Gradients: Sendable {
  private var table: [Int: Tensor] = [:]
  /// The reports that operators made during the backward pass, by the sequence number of the
  /// operator's node.
  private var reports: [Int: any Sendable] = [:]

  /// An empty table.
  public init() {}

  /// The gradient with respect to a variable; nil where the loss does not depend on it.
  ///
  /// A gradient that is set must have the shape and the dtype of its variable: the program stops here
  /// otherwise, and when it is set for a constant, and not later in an optimiser. In a table that
  /// was made of Jacobians, the Jacobian is returned, which has a larger shape.
  public subscript(variable: Tensor) -> Tensor? {
    get { variable.node.flatMap { table[$0.sequence] } }
    set {
      if let newValue {
        expect(
          newValue.shape == variable.shape && newValue.dtype == variable.dtype,
          "the gradient of a variable that is \(variable.dtype) \(variable.shape) cannot be "
            + "\(newValue.dtype) \(newValue.shape)")
      }
      set(newValue, for: variable)
    }
  }

  /// Sets the Jacobian of a function with respect to a variable: the function's shape, followed by that of
  /// the variable.
  package mutating func set(jacobian: Tensor, of variable: Tensor) { set(jacobian, for: variable) }

  private mutating func set(_ entry: Tensor?, for variable: Tensor) {
    guard let node = variable.node else {
      callerMistake("a constant has no gradient; make it a variable with variable()")
    }
    table[node.sequence] = entry
  }

  /// The number of variables with a gradient.
  public var count: Int { table.count }

  /// Gives every gradient that is a constant a record that says that its derivative with respect to
  /// all variables is 0.
  fileprivate mutating func recordConstants(in variables: [Node]) {
    let points = variables.compactMap { node in
      table[node.sequence].map { Tensor($0.storage, $0.shape, node: node) }
    }
    table = table.mapValues { $0.constant(in: points) }
  }

  /// The report that belongs to the ticket, if its operator made one in the backward pass of this
  /// table.
  package func report(_ ticket: ReportTicket) -> (any Sendable)? { reports[ticket.sequence] }

  /// Adds the gradients of a loss, as of another part of the batch.
  ///
  /// This has the effect of `add(try gradients(of: loss))`, but each gradient is added as soon as
  /// it is complete, while it is in the cache, and its memory is reused for the next one: there is
  /// never a second table. A gradient that is recorded in the table stays recorded, unless
  /// recording is off.
  ///
  /// - Parameter loss: a recorded tensor with one element; its graph is released.
  /// - Throws: what a backward estimator throws; some of the gradients may have been added by then.
  public mutating func add(gradientsOf loss: Tensor) throws {
    try addGradients(
      of: loss, cotangent: .ones(loss.shape, dtype: loss.dtype), scalarOnly: true)
  }

  /// Adds the gradients of another table, variable by variable.
  public mutating func add(_ other: Gradients) {
    reports.merge(other.reports) { _, new in new }
    var pairs: [(own: Storage, other: Storage)] = []
    for (key, value) in other.table {
      guard let position = table.index(forKey: key) else {
        table[key] = value
        continue
      }
      expectSameKind(table.values[position], value)
      if table.values[position].isRecorded || value.isRecorded {
        table.values[position] = table.values[position] + value
        continue
      }
      pairs.append((table.values[position].ownedStorage(), value.storage))
    }
    let sums = pairs
    _ = Workers.map(sums.count) { sums[$0].own.accumulate(sums[$0].other) }
  }

  private func expectSameKind(_ sum: Tensor, _ value: Tensor) {
    expect(
      sum.shape == value.shape && sum.dtype == value.dtype,
      "two gradients of one variable are \(sum.dtype) \(sum.shape) and \(value.dtype) "
        + "\(value.shape)")
  }
}

/// The gradients of a scalar with respect to every variable it depends on.
///
/// - Parameters:
///   - loss: a recorded tensor with one element.
///   - retainingGraph: whether the graph may be used again; default false: each node is released as
///     soon as it has been used, and only variables stay alive.
///   - creatingGraph: whether the gradients are recorded too, for second derivatives; default
///     false. True implies `retainingGraph`. A gradient that is a constant, such as that of a
///     linear function, then has the derivative 0 with respect to every variable of this table; a
///     gradient that depends on some of the variables has no entry for the others.
/// - Returns: the gradients by variable. Stops when the loss depends on no variable: whoever asks
///   for the gradient of a constant has most often forgotten a `variable()`. A constant gradient
///   that was made with `creatingGraph` has a record, and gives zeros.
/// - Throws: what a backward estimator throws, such as a singular adjoint system.
/// - Complexity: one visit of each node that leads to a variable.
public func gradients(
  of loss: Tensor, retainingGraph: Bool = false, creatingGraph: Bool = false
) throws -> Gradients {
  try gradients(
    of: loss, cotangent: .ones(loss.shape, dtype: loss.dtype), retainingGraph: retainingGraph,
    creatingGraph: creatingGraph, scalarOnly: true)
}

/// The gradients of the inner product of `output` and `cotangent`.
///
/// As `gradients(of:)`, but for an output of any shape.
public func gradients(
  of output: Tensor, cotangent: Tensor, retainingGraph: Bool = false, creatingGraph: Bool = false
) throws -> Gradients {
  try gradients(
    of: output, cotangent: cotangent, retainingGraph: retainingGraph,
    creatingGraph: creatingGraph, scalarOnly: false)
}

private func gradients(
  of output: Tensor, cotangent: Tensor, retainingGraph: Bool, creatingGraph: Bool,
  scalarOnly: Bool
) throws -> Gradients {
  var result = Gradients()
  let variables = try result.addGradients(
    of: output, cotangent: cotangent, retainingGraph: retainingGraph, creatingGraph: creatingGraph,
    scalarOnly: scalarOnly)
  if creatingGraph { result.recordConstants(in: variables) }
  return result
}

extension Gradients {
  /// Adds each gradient when the backward pass has completed it.
  ///
  /// - Returns: the nodes of the variables.
  @discardableResult
  fileprivate mutating func addGradients(
    of output: Tensor, cotangent: Tensor, retainingGraph: Bool = false, creatingGraph: Bool = false,
    scalarOnly: Bool
  ) throws -> [Node] {
    expect(
      !scalarOnly || output.count == 1,
      "a loss has one element, not shape \(output.shape); reduce it with sum() or mean(), or pass "
        + "a cotangent")
    expect(
      cotangent.shape == output.shape && cotangent.dtype == output.dtype,
      "the cotangent is \(cotangent.dtype) \(cotangent.shape) but the output is "
        + "\(output.dtype) \(output.shape)")
    expect(
      output.node != nil,
      "this output depends on no variable, or was computed without recording, so it has no "
        + "gradient; make the inputs variables with variable()")
    // Recording is off during the backward pass, but the gradients that are already in the table
    // may be recorded.
    let isRecorded = isRecording
    var variables: [Node] = []
    try BackwardPath(from: [output.node], to: nil).run(
      seeds: [cotangent], releasing: !retainingGraph && !creatingGraph,
      creatingGraph: creatingGraph,
      report: { node, report in reports[node.sequence] = report },
      receive: { node, gradient in
        recording(isRecorded) { add(gradient, for: node.sequence) }
        variables.append(node)
      })
    return variables
  }

  /// Adds one gradient; in place, if neither it nor the entry is recorded.
  private mutating func add(_ gradient: Tensor, for key: Int) {
    guard let position = table.index(forKey: key) else {
      table[key] = gradient
      return
    }
    expectSameKind(table.values[position], gradient)
    if table.values[position].isRecorded || gradient.isRecorded {
      table.values[position] = table.values[position] + gradient
    } else {
      table.values[position].ownedStorage().accumulate(gradient.storage)
    }
  }
}
