import Tensors

/// The gradients of some variables, one after the other, in one buffer for each dtype.
///
/// One sum over the ranks is faster than one for each variable, because many variables are small.
struct FlatGradients {
  private let variables: [Tensor]

  /// The gradients of `variables`, in this order on all ranks.
  init(_ variables: [Tensor]) { self.variables = variables }

  /// The sums over the ranks; a variable without a gradient on this rank counts as zero.
  func sum(_ gradients: Gradients, over ranks: Communicator) -> Gradients {
    var result = gradients
    sum(.float32, Float.self, &result) { ranks.sum(&$0) }
    sum(.float64, Double.self, &result) { ranks.sum(&$0) }
    return result
  }

  private func sum<Number: BinaryFloatingPoint>(
    _ dtype: DType, _: Number.Type, _ gradients: inout Gradients,
    _ total: (inout [Number]) -> Void
  ) {
    let variables = variables.filter { $0.dtype == dtype }
    let count = variables.reduce(0) { $0 + $1.count }
    guard count > 0 else { return }
    let known = gradients
    var flat = [Number](unsafeUninitializedCapacity: count) { buffer, initialized in
      var start = 0
      for variable in variables {
        let end = start + variable.count
        if let gradient = known[variable] {
          gradient.withBytes { bytes in
            _ = UnsafeMutableBufferPointer(rebasing: buffer[start..<end])
              .initialize(from: bytes.bindMemory(to: Number.self))
          }
        } else {
          buffer[start..<end].initialize(repeating: 0)
        }
        start = end
      }
      initialized = count
    }
    total(&flat)
    flat.withUnsafeBytes { bytes in
      var start = 0
      for variable in variables {
        let end = start + variable.count * MemoryLayout<Number>.stride
        gradients[variable] = Tensor(
          copying: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), shape: variable.shape,
          dtype: dtype)
        start = end
      }
    }
  }
}
