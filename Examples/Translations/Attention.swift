import ImplicitLayers
import NeuralLayers
import Tensors

private let (batch, tokenCount, slotCount, width) = (8, 10, 4, 16)

/// The state of the cell: two tensors.
private struct Reading: FixedPointState {
  var tokens: Tensor, slots: Tensor
  var tensors: [Tensor] { [tokens, slots] }
  init(tokens: Tensor, slots: Tensor) { (self.tokens, self.slots) = (tokens, slots) }
  init(tensors: [Tensor]) { (tokens, slots) = (tensors[0], tensors[1]) }
}

/// A cell of attention whose state is two tensors: tokens read slots, and slots read tokens.
private struct Memory: Module, FixedPointLayer {
  let weights = Parameter(0.3 * numbers(2, [6, width, width]))
  let start = Parameter(numbers(3, [slotCount, width]))
  let solver: any ForwardSolver = .broyden()
  let estimator: any BackwardEstimator = .iterative(.broyden(), tolerance: 1e-8, limit: 200)
  let stoppingRule = StoppingRule.tolerance(relative: 1e-8, limit: 200)

  func read(_ asking: Tensor, _ told: Tensor, _ weights: Tensor) -> Tensor {
    let (query, key) = (asking.matmul(weights[0]), told.matmul(weights[1]))
    let logits = query.matmul(key, transposingOther: true) / Double(width).squareRoot()
    return logits.softmax().matmul(told.matmul(weights[2]))
  }

  func initialState(for x: Tensor) -> Reading {
    Reading(tokens: x.zerosLike(), slots: .zeros([batch, slotCount, width], dtype: x.dtype))
  }
  func step(_ state: Reading, given x: Tensor) -> Reading {
    let (tokens, slots, weights) = (state.tokens, state.slots, weights.tensor)
    return Reading(
      tokens: (x + read(tokens, slots, weights[..<3])).tanh(),
      slots: (start.tensor + read(slots, tokens, weights[3...])).tanh())
  }
}

func trainMemory() throws -> Results {
  let inputs = numbers(1, [batch, tokenCount, width])
  let targets = 0.5 * numbers(4, [batch, slotCount, width])
  let model = Memory()
  var loss = Tensor(0)
  for _ in 0..<20 {
    let state = try model(inputs)
    loss = (state.slots - targets).square().mean() + 0.1 * state.tokens.square().mean()
    let table = try gradients(of: loss)
    for entry in model.namedParameters {
      let value = entry.parameter.tensor
      entry.parameter.assign(value - 2 * table[value]!)
    }
  }
  return [
    "loss": loss.scalar, "|weights|": norm(model.weights.tensor),
    "|start|": norm(model.start.tensor),
  ]
}
