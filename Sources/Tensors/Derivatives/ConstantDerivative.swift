extension Tensor {
  /// This derivative; if it is a constant, it gets a node that says that its own derivative is 0.
  ///
  /// The derivative of a linear function depends on no variable, and yet has a derivative, the
  /// number 0. Without a node it could not be told apart from a tensor whose history was lost.
  ///
  /// - Parameters:
  ///   - points: the tensors with respect to which the derivative is 0.
  ///   - others: other nodes that the function depended on; with respect to them there is no
  ///     derivative either, which counts as 0.
  /// - Returns: the same elements, with a node.
  func constant(in points: [Tensor], _ others: @autoclosure () -> [Node] = []) -> Tensor {
    guard node == nil else { return self }
    let kinds = points.map { ($0.shape, $0.dtype) }
    let others = others()
    return Tensor(
      storage, shape,
      node: Node(
        inputs: points.map(\.node) + others, output: nil, operation: "constant derivative",
        rule: { _, _, _ in
          kinds.map { shape, dtype in Tensor.zeros(shape, dtype: dtype) } + others.map { _ in nil }
        }))
  }
}
