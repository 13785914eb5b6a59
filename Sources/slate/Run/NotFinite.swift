import Tensors

/// The error that training, or its result, has reached NaN or infinity.
struct NotFinite: Error, CustomStringConvertible {
  /// The number of steps taken, or of the step that was tried.
  let step: Int
  /// The first tensor that is not finite: parameters are named before losses, and losses before
  /// gradients.
  let tensor: String
  /// The losses, if they are known.
  var crossEntropy: Double?
  var mse: Double?
  /// The ranks in whose part of the batch it arose; empty if there is one rank, or if they are not
  /// known.
  var ranks: [Int] = []
  /// What happened as a result.
  var consequence = Consequence.stop

  enum Consequence: String {
    case stop = """
      training stopped and the last checkpoint, which is finite, was kept: resume the run with a \
      lower --lr-main or --lr-dvae, or with --clip 1
      """
    case evaluation = """
      the weights are finite, but too large: use an earlier checkpoint, or train again with a lower \
      --lr-main or --lr-dvae
      """
  }

  var description: String {
    let losses =
      crossEntropy.flatMap { entropy in
        mse.map { " (cross-entropy \(entropy.short), mse \($0.short))" }
      } ?? ""
    let names = ranks.map { "\($0)" }.joined(separator: ", ")
    let place = ranks.isEmpty ? "" : " on rank\(ranks.count == 1 ? "" : "s") \(names)"
    let follows =
      step == 0 && consequence == .stop
      ? "it is so before the first step: look for values far beyond their defaults, such as of "
        + "--pos-deviation or the sizes"
      : consequence.rawValue
    return "step \(step): \(tensor) is not finite\(place)\(losses); \(follows)"
  }
}

/// The error that what a model computes from finite weights is NaN or infinite.
struct NotFiniteOutput: Error, CustomStringConvertible {
  /// What was computed.
  let output: String

  var description: String {
    "\(output) is not finite; \(NotFinite.Consequence.evaluation.rawValue)"
  }
}

extension Tensor {
  /// The tensor, if all of it is finite.
  ///
  /// - Parameter output: what it is, as an error says it.
  /// - Returns: the tensor.
  /// - Throws: `NotFiniteOutput`.
  func finite(_ output: String) throws -> Tensor {
    guard largestMagnitude.isFinite else { throw NotFiniteOutput(output: output) }
    return self
  }
}
