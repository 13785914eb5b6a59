import ImplicitLayers
import NeuralLayers
import Tensors

/// From embedded tokens to slots: layer norm, a perceptron, and slot attention from random slots.
public struct SlotAttentionEncoder: Module {
  let layerNorm: LayerNorm
  let mlp: Perceptron
  let slotMu: Parameter
  let slotLogSigma: Parameter
  /// The fixed-point layer.
  public private(set) var slotAttention: SlotAttention

  /// Chooses how the fixed point is found and differentiated.
  public mutating func configure(
    solver: any ForwardSolver = .picard(), estimator: any BackwardEstimator,
    stoppingRule: StoppingRule
  ) {
    slotAttention.solver = solver
    slotAttention.estimator = estimator
    slotAttention.stoppingRule = stoppingRule
  }

  init(_ configuration: SLATE.Configuration, using generator: inout Philox) {
    layerNorm = LayerNorm(configuration.modelSize)
    mlp = Perceptron(
      configuration.modelSize, hidden: configuration.modelSize, configuration.modelSize,
      using: &generator)
    slotMu = Parameter(.xavierUniform([1, 1, configuration.slotSize], using: &generator))
    slotLogSigma = Parameter(.xavierUniform([1, 1, configuration.slotSize], using: &generator))
    slotAttention = SlotAttention(
      featureSize: configuration.modelSize, slotSize: configuration.slotSize,
      mlpHiddenSize: configuration.mlpHiddenSize, heads: configuration.slotHeads,
      using: &generator)
  }

  /// What slot attention starts from: features of the embeddings [batch, inputs, d] and slots
  /// mu + exp(log sigma) * noise.
  func input(_ embeddings: Tensor, noise: Tensor) -> SlotAttention.Input {
    SlotAttention.Input(
      features: mlp(layerNorm(embeddings)),
      initialSlots: slotMu.tensor + slotLogSigma.tensor.exp() * noise)
  }
}
