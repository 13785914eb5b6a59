extension Tensor {
  /// This derivative; where it is a constant, recorded with the derivative 0.
  ///
  /// The derivative of a linear function depends on nothing, and has derivatives all the same. Without a
  /// node it could not be told from a tensor whose history was lost.
  ///
  /// - Parameters:
  ///   - points: by which the derivative is 0.
  ///   - others: what else the function depended on: by these there is none, which counts as 0.
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
