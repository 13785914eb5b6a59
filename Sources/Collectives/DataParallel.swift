import NeuralLayers
import Tensors

/// The same model on every rank, each with a part of the batch.
///
/// ```swift
/// let ranks = try Communicator.ofLauncher()
/// var parallel = DataParallel(ranks)
/// parallel.begin(model)
/// for step in 0..<1000 {
///   let part = batch.slice(ranks.share(of: batch.shape[0]))
///   let sums = try parallel.sum(of: model, numbers: 1) {
///     let loss = try loss(model, part) / Double(batch.shape[0])   // of this part, as a share of the whole
///     return (try gradients(of: loss), [loss.scalar])
///   }
///   optimizer.step(model, gradients: sums.gradients)
///   try parallel.check(model)
/// }
/// ```
/// Each rank's loss is its part of the loss of the whole batch, so the sum over the ranks equals
/// the result of one process, up to the order of sums. If one process with two workers divides the
/// batch as two ranks do, the results are equal to the last bit. All gradients travel in one
/// buffer, so a step costs one sum of the size of the model and one of a few numbers. With one
/// rank, all of this does nothing.
public struct DataParallel: Sendable {
  /// The ranks.
  public let ranks: Communicator
  /// The number of steps after which the parameters are compared.
  public let checkEvery: Int
  private var steps = 0

  /// The sums over all ranks, and this rank's part of them.
  public struct Sums: Sendable {
    /// The sum of the ranks' gradients; a parameter without a gradient on any rank has no entry.
    public let gradients: Gradients
    /// The sums of the ranks' numbers.
    public let numbers: [Double]
    /// This rank's own gradients.
    public let ownGradients: Gradients
    /// This rank's own numbers.
    public let ownNumbers: [Double]
  }

  /// Training on some ranks.
  ///
  /// - Parameters:
  ///   - ranks: the ranks.
  ///   - checkEvery: the number of steps after which the parameters are compared, at least 1;
  ///     default 100. A comparison costs one pass over the parameters.
  public init(_ ranks: Communicator, checkEvery: Int = 100) {
    expect(checkEvery >= 1, "parameters are compared every 1 or more steps, not \(checkEvery)")
    self.ranks = ranks
    self.checkEvery = checkEvery
  }

  /// Gives all ranks the parameters of rank 0, whether they are trained or not.
  public func begin(_ model: some Module) {
    guard ranks.size > 1 else { return }
    for entry in model.namedParameters.eachOnce {
      entry.parameter.assign(ranks.broadcast(entry.parameter.tensor.detached()))
    }
  }

  /// The sums over the ranks of gradients and numbers.
  ///
  /// - Parameters:
  ///   - model: the model to whose parameters the gradients belong.
  ///   - numbers: the number of numbers that `body` returns.
  ///   - body: returns this rank's gradients, and numbers such as the loss. It must not call a
  ///     collective function.
  /// - Returns: the sums, and this rank's own part of them.
  /// - Throws: `RankFailure` on all ranks when `body` throws on one of them; with one rank, the
  ///   error of `body`.
  public func sum(
    of model: some Module, numbers: Int = 0, _ body: () throws -> (Gradients, [Double])
  ) throws -> Sums {
    try sum(of: model.namedParameters, numbers: numbers, body)
  }

  /// The sums over the ranks of gradients and numbers.
  ///
  /// - Parameters:
  ///   - parameters: the tensors to which the gradients belong, in the same order on all ranks.
  ///   - numbers: the number of numbers that `body` returns.
  ///   - body: returns this rank's gradients, and numbers such as the loss. It must not call a
  ///     collective function.
  /// - Returns: the sums, and this rank's own part of them.
  /// - Throws: `RankFailure` on all ranks when `body` throws on one of them; with one rank, the
  ///   error of `body`.
  public func sum(
    of parameters: [NamedParameter], numbers: Int = 0,
    _ body: () throws -> (Gradients, [Double])
  ) throws -> Sums {
    let outcome = Result { try body() }
    if case .success(let own) = outcome {
      expect(own.1.count == numbers, "\(own.1.count) numbers were returned, not \(numbers)")
    }
    guard ranks.size > 1 else {
      let (gradients, values) = try outcome.get()
      return Sums(
        gradients: gradients, numbers: values, ownGradients: gradients, ownNumbers: values)
    }
    let tensors = parameters.eachOnce.map(\.parameter).filter(\.isTrained).map(\.tensor)
    let own = try? outcome.get()
    // One sum counts the ranks that failed and, for each parameter, those that have a gradient of
    // it.
    var small =
      [own == nil ? 1 : 0] + tensors.map { own?.0[$0] == nil ? 0 : 1 }
      + (own?.1 ?? [Double](repeating: 0, count: numbers))
    ranks.sum(&small)
    let (gradients, values) = try ranks.agree(outcome, anyFailed: small[0] > 0)
    let present = tensors.indices.filter { small[1 + $0] > 0 }.map { tensors[$0] }
    return Sums(
      gradients: FlatGradients(present).sum(gradients, over: ranks),
      numbers: Array(small.suffix(numbers)), ownGradients: gradients, ownNumbers: values)
  }

  /// Replaces state that is not trained, such as the running statistics of a batch norm, by its
  /// mean over the ranks.
  ///
  /// Each rank has seen only its own part of the batch, so call this after `statistics.commit()`.
  public func averageState(of model: some Module) {
    guard ranks.size > 1 else { return }
    for entry in model.namedParameters.eachOnce where !entry.parameter.isTrained {
      let value = entry.parameter.tensor
      entry.parameter.assign(ranks.sum(value) * (1 / Double(ranks.size)))
    }
  }

  /// Compares the parameters of the ranks in the first call, and then in every `checkEvery`-th one.
  ///
  /// - Throws: `RanksDiffer`, on all ranks, naming the ranks whose parameters differ, and the first
  ///   such parameter.
  public mutating func check(_ model: some Module) throws {
    try check(model.namedParameters)
  }

  /// Compares a list of parameters in the same way.
  public mutating func check(_ parameters: [NamedParameter]) throws {
    defer { steps += 1 }
    guard steps % checkEvery == 0 else { return }
    try compare(parameters)
  }

  /// Compares the parameters of the ranks now.
  ///
  /// - Throws: `RanksDiffer`, on all ranks, naming the ranks whose parameters differ, and the first
  ///   such parameter.
  public func compare(_ parameters: [NamedParameter]) throws {
    guard ranks.size > 1 else { return }
    let parameters = parameters.eachOnce
    let checks = Workers.map(parameters.count) { index in
      var check = Checksum()
      parameters[index].parameter.tensor.withBytes { check.append($0) }
      return check.value
    }
    var all = Checksum()
    for check in checks { all.append(check) }
    guard !Communicator.minority(ranks.gather(bytes: bytes(of: [all.value]))).isEmpty else {
      return
    }
    let each = ranks.gather(bytes: bytes(of: checks))
    let differing = Communicator.minority(each)
    let name = parameters.indices.first { index in
      Set(each.map { Array($0[8 * index..<8 * index + 8]) }).count > 1
    }.map { parameters[$0].name }
    throw RanksDiffer(
      ranks: differing, what: "the value of the parameter \(name ?? "?")",
      remedy:
        "the ranks do not have the same model: they may have read different files, a processor or "
        + "its memory may be faulty, or the machines have different libraries; give all the same "
        + "checkpoint, or go on from one without these ranks")
  }
}

private func bytes(of words: [UInt64]) -> [UInt8] { words.withUnsafeBytes { Array($0) } }
