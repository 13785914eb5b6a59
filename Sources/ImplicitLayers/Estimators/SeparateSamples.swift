import Tensors

/// Whether a map mixes samples, found with one pullback of a cotangent of a single sample.
///
/// A layer that treats axis 0 as anything but the batch (columns of a state, say) is wrong without
/// another sign: the dense Jacobian of a sample has no place for the entries between samples.
/// Backward passes check it in debug builds: `expectSeparateSamples`.
///
/// - Parameters:
///   - state: any tensor of the state's shape.
///   - pullback: v -> J^T v on the whole batch.
/// - Returns: which sample leaks into which, and what to do, in words; nil if none does.
/// - Throws: what the pullback throws.
package func mixedSample(
  of state: Tensor, pullback: (Tensor) throws -> Tensor
) throws -> String? {
  let batch = state.shape[0]
  guard batch > 1, state.unknownsOfSamples > 0 else { return nil }
  let isProbed = (0..<batch).map { $0 == batch / 2 }
  let seed = Tensor.ones(state.shape, dtype: state.dtype).keepingSamples(isProbed)
  let norms = try pullback(seed).normsOfSamples
  guard let other = norms.indices.first(where: { !isProbed[$0] && norms[$0] > 0 }) else {
    return nil
  }
  return "samples mix: sample \(batch / 2) of the image depends on sample \(other) of the state. "
    + "Axis 0 of a state of shape \(state.shape) is the batch, and a map must treat its entries "
    + "independently; if they are one state, give it a batch axis of 1, as in [1] + shape"
}

/// Stops where a map mixes samples; see `mixedSample`.
package func expectSeparateSamples(
  of state: Tensor, pullback: (Tensor) throws -> Tensor
) throws {
  if let leak = try withoutRecording({ try mixedSample(of: state, pullback: pullback) }) {
    callerMistake(leak)
  }
}
