/// Stops the process where a function that has no derivative is given a recorded tensor, whose
/// gradient would be lost.
///
/// - Parameters:
///   - tensor: an operand of the function, or a value computed from one.
///   - operation: the name of the function.
///   - instead: which function has the derivative, for the message; nil where there is none.
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
