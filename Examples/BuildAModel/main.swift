import ImplicitLayers
import ImplicitModels
import NeuralLayers
import Tensors
import Training

// Docs/HowTo/BuildAModel.md: layers, contexts, names, and models that are equilibria.

var random = Philox(seed: 1)

// snippet.sequence
let model = Sequential(
  Convolution2D(1, 8, kernel: 3, padding: 1, using: &random), BatchNorm(8), Activation.gelu,
  MaxPooling(kernel: 2),
  Residual(
    Sequential(
      GroupNorm(4, 8), Convolution2D(8, 8, kernel: 3, padding: 1, using: &random),
      Activation.silu, Dropout(0.1))),
  GlobalAveragePooling(), Linear(8, 2, using: &random))
print(model.namedParameters.prefix(3).map(\.name), model.parameterCount)
// snippet.end

// Bright images belong to class 1.
let images = Tensor.uniform([32, 8, 8, 1], using: &random)
let brightness = images.mean(alongAxes: [1, 2, 3])
let shares = brightness.scalars.sorted()
let classes = IntTensor(brightness.scalars.map { $0 > shares[15] ? 1 : 0 })
let bright = classes.converted(to: .float32).reshaped([32, 1, 1, 1])
let x = images + 0.5 * bright

// snippet.training
var optimizer = Adam()
for step in 0..<40 {
  let context = LayerContext.training(noise: Philox(seed: 2).substream(UInt64(step)))
  let loss = try model(x, in: context).crossEntropy(targets: classes).mean()
  optimizer.step(model.namedParameters, gradients: try gradients(of: loss)) { _ in 0.02 }
  context.statistics.commit()
}
let answers = try model(x, in: .evaluation).argmax(alongAxis: -1)
print("right: \((answers .== classes).trueCount) of 32")
// snippet.end

// snippet.layer
/// Adds normal noise in training.
struct Noisy: Layer {
  let deviation: Double
  func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor {
    context.draw(for: "Noisy") { x + deviation * .normal(x.shape, using: &$0) } ?? x
  }
}
// snippet.end
let noisy = Sequential(Noisy(deviation: 0.1), Flatten())
print("noise in training alone:", try noisy(x, in: .evaluation).reshaped(x.shape) == x)

// snippet.names
/// Swift names here, published ones in checkpoints.
struct Block: Module {
  let gate = Parameter(.zeros([4]), name: "g")
  let selfAttention: MultiHeadAttention
  let layers: [Linear]
  static let parameterNames = ["selfAttention": "attn", "layers": ""]
}
let block = Block(
  selfAttention: MultiHeadAttention(4, heads: 2, using: &random),
  layers: [Linear(4, 4, bias: false, using: &random), Linear(4, 4, bias: false, using: &random)])
print(block.namedParameters.map(\.name).joined(separator: " "))
// snippet.end

// snippet.equilibrium
var monotone = MonotoneLayer(8, 16, monotonicity: 0.5, using: &random)
monotone.solver = .anderson()
monotone.estimator = .gmres(tolerance: 1e-5)
let deep = Sequential(
  Flatten(), Linear(64, 8, using: &random), monotone, Linear(16, 2, using: &random))
let logits = try deep(x, in: .evaluation)
let table = try gradients(of: logits.crossEntropy(targets: classes).mean())
print(logits.shape, "A has a gradient:", table[monotone.dissipation.tensor] != nil)
// snippet.end

// snippet.scales
let scales = DEQTwoScales(1, fine: 4, coarse: 8, groups: 2, using: &random)
let solution = try scales.solve(images)
print("fine \(solution.value.fine.shape), coarse \(solution.value.coarse.shape)")
// snippet.end
