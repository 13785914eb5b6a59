/// Stops where a function without a derivative is given a tensor whose gradient would then be lost.
///
/// - Parameters:
///   - tensor: an operand, or what was computed of one.
///   - operation: the function.
///   - instead: what has the derivative; nil where nothing has.
@inline(__always)
func expectConstant(
  _ tensor: Tensor, in operation: @autoclosure () -> String, instead: String? = nil
) {
  guard Tensor.records(tensor) else { return }
  callerMistake(
    "\(operation()) has no derivative, but is given a tensor of \(tensor.shape) that is recorded, whose "
      + "gradient would be lost: take it with detached(), or call this in withoutRecording, if it is "
      + "meant as a constant" + (instead.map { "; \($0)" } ?? ""))
}
