import ImplicitLayers
import NeuralLayers
import Tensors

// snippet.cell
/// z = tanh(W * z + U * x + b), convolutions of 3 x 3, where the magnitudes of the weights into each
/// channel add up to .9: the map contracts, so that there is one fixed point whatever training does.
struct EquilibriumCell: Module, FixedPointLayer {
  let injection: Convolution2D, recurrence: Convolution2D
  var estimator: any BackwardEstimator = .gmres(tolerance: 1e-2, dimension: 5)
  var stoppingRule = StoppingRule.tolerance(relative: 1e-3, limit: 100)

  init(channels: Int, using random: inout Philox) {
    injection = Convolution2D(
      1, channels, kernel: 3, padding: 1, initializer: .xavier(gain: 3), using: &random)
    recurrence = Convolution2D(
      channels, channels, kernel: 3, padding: 1, bias: false, using: &random)
  }

  func inject(_ x: Tensor) -> (u: Tensor, w: Tensor) {
    let w = recurrence.weight.tensor
    return (injection(x), w / w.abs().sum(alongAxes: [1, 2, 3], keepingAxes: true) * 0.9)
  }
  func initialState(for given: (u: Tensor, w: Tensor)) -> Tensor { given.u.zerosLike() }
  func step(_ z: Tensor, given: (u: Tensor, w: Tensor)) -> Tensor {
    (recurrence.applying(given.w, to: z) + given.u).tanh()
  }
}

/// Digits from images [batch, 8, 8, 1]: ten logits each.
struct DigitClassifier: Module {
  var cell: EquilibriumCell
  let output: Linear

  init(channels: Int = 16, using random: inout Philox) {
    cell = EquilibriumCell(channels: channels, using: &random)
    output = Linear(64 * channels, 10, using: &random)
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    output(try cell(x).reshaped([x.shape[0], output.weight.shape[1]]))
  }
}
// snippet.end

/// The same layers, each applied once: a plain network of the same size.
struct PlainClassifier: Module {
  let layers: DigitClassifier

  func callAsFunction(_ x: Tensor) -> Tensor {
    let cell = layers.cell
    let hidden = cell.recurrence(cell.injection(x).tanh()).tanh()
    return layers.output(hidden.reshaped([x.shape[0], layers.output.weight.shape[1]]))
  }
}
