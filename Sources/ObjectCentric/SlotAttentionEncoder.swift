import ImplicitLayers
import NeuralLayers
import Tensors

/// The encoder from embedded tokens to slots: layer norm, a perceptron, and slot attention.
public struct SlotAttentionEncoder: Module {
  let layerNorm: LayerNorm
  let mlp: Perceptron
  private let slotMu: Parameter?
  private let slotLogSigma: Parameter?
  /// The trained initial slots, [1, slots, slot size]; nil if initial slots are drawn.
  private let slotInit: Parameter?
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
    let (slots, width) = (configuration.slotCount, configuration.slotSize)
    switch configuration.slotInitialization {
    case .random:
      slotMu = Parameter(.xavierUniform([1, 1, width], using: &generator))
      slotLogSigma = Parameter(.xavierUniform([1, 1, width], using: &generator))
      slotInit = nil
    case .learned:
      (slotMu, slotLogSigma) = (nil, nil)
      // The initial vectors lie far apart, as drawn slots do. If they are nearly alike, slots more
      // often divide a picture by regions.
      slotInit = Parameter(.normal([1, slots, width], using: &generator))
    }
    slotAttention = SlotAttention(
      featureSize: configuration.modelSize, slotSize: configuration.slotSize,
      mlpHiddenSize: configuration.mlpHiddenSize, heads: configuration.slotHeads,
      using: &generator)
  }

  /// The input of slot attention: features of the embeddings [batch, inputs, d], and initial slots,
  /// which are trained vectors or mu + exp(log sigma) * noise.
  public func input(_ embeddings: Tensor, noise: Tensor) -> SlotAttention.Input {
    let initialSlots: Tensor
    if let slotMu, let slotLogSigma {
      initialSlots = slotMu.tensor + slotLogSigma.tensor.exp() * noise
    } else if let slotInit {
      initialSlots = slotInit.tensor.broadcast(to: noise.shape)
    } else {
      callerMistake("an encoder has either random or trained initial slots")
    }
    return SlotAttention.Input(
      features: mlp(layerNorm(embeddings)), initialSlots: initialSlots)
  }
}
