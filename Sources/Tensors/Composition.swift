/// A fused operator written in basic operators: the same function of the same inputs.
typealias Composition = ([Tensor]) throws -> Tensor

extension Tensor {
  /// This result of a fused operator, recorded as computed from `inputs`.
  ///
  /// The rule is a kernel, and a kernel cannot be differentiated. Where the derivative is itself to
  /// be recorded, the composition's derivative is used instead: the composition is evaluated again
  /// at the inputs, which keep their history, and differentiated. Derivatives of every order exist
  /// in this way, and the first derivative still costs no more than the kernel.
  ///
  /// - Parameters:
  ///   - inputs: the operands, in the order of the rule's cotangents.
  ///   - keepingOutput: whether `rule` reads the operator's output; default false.
  ///   - operation: the operator's name in messages and profiles.
  ///   - composition: the same function in basic operators, from the operands to this result.
  ///   - rule: the operator's rule, called while recording is off.
  /// - Returns: the same elements, with a node if they are recorded.
  func recorded(
    from inputs: [Tensor], keepingOutput: Bool = false, operation: StaticString = #function,
    composition: @autoclosure () -> Composition, _ rule: @autoclosure () -> VectorJacobianProduct
  ) -> Tensor {
    guard Tensor.records(inputs) else { return self }
    let (kernel, composition) = (rule(), composition())
    return recorded(
      from: inputs, keepingOutput: keepingOutput, operation: operation,
      { v, output, needs in
        isRecording
          ? try recordedPullback(of: composition, at: inputs, v, needs)
          : try kernel(v, output, needs)
      })
  }
}

/// J^T v of a composition for those inputs that matter, recorded.
private func recordedPullback(
  of composition: Composition, at inputs: [Tensor], _ v: Tensor, _ needs: Needs
) throws -> [Tensor?] {
  let wanted = inputs.indices.filter { needs[$0] }
  let function = try RecordedFunction(at: wanted.map { inputs[$0] }) { points in
    var operands = inputs
    for (position, point) in zip(wanted, points) { operands[position] = point }
    return [try composition(operands)]
  }
  var products = [Tensor?](repeating: nil, count: inputs.count)
  for (position, product) in zip(wanted, try function.pullback([v], recorded: true)) {
    products[position] = product
  }
  return products
}
