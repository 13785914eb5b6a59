import ImplicitLayers
import ObjectCentric
import Tensors

/// Time and memory of slot attention (K 7, D 64) against the number of iterations, as JSON rows.
///
/// Forward and backward seconds are medians; bytes are what the tape holds between them.
func complexity() throws -> String {
  let (batch, inputs, slots, width) = (16, 256, 7, 64)
  var generator = Philox(seed: 50)
  var layer = SlotAttention(
    featureSize: width, slotSize: width, mlpHiddenSize: 128, using: &generator)
  let features = Tensor.normal([batch, inputs, width], using: &generator)
  let initial = Tensor.normal([batch, slots, width], using: &generator)
  let cotangent = Tensor.ones([batch, slots, width])

  var rows: [String] = []
  for (name, estimator) in [
    ("implicit", NeumannSeries(terms: 1) as any BackwardEstimator), ("unrolled", Unrolled()),
  ] {
    for iterations in [1, 2, 4, 8, 16, 32, 64] {
      layer.estimator = estimator
      layer.stoppingRule = .evaluations(iterations)
      var (forward, backward, bytes): ([Double], [Double], Int) = ([], [], 0)
      for _ in 0..<15 {
        let before = TensorMemory.liveBytes
        var result: Tensor?
        forward.append(
          try seconds {
            result = try layer(.init(features: features, initialSlots: initial))
          })
        bytes = TensorMemory.liveBytes - before
        backward.append(
          try seconds {
            if let result { _ = try gradients(of: result, cotangent: cotangent) }
          })
      }
      rows.append(
        #"{"estimator": "\#(name)", "iterations": \#(iterations), "forward": "#
          + #"\#(forward.sorted()[7]), "backward": \#(backward.sorted()[7]), "bytes": \#(bytes)}"#)
    }
  }
  return "[" + rows.joined(separator: ",\n ") + "]"
}
