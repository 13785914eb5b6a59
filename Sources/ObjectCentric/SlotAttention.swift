import ImplicitLayers
import NeuralLayers
import Tensors

/// Slot attention as a fixed-point layer.
///
/// ```swift
/// let slots = try slotAttention(.init(features: x, initialSlots: noise))   // [batch, slots, width]
/// ```
/// Slots compete for inputs (Locatello et al. 2020, algorithm 1; several heads as in SLATE): for
/// each input, a softmax over slots and heads; each slot gathers the weighted mean of the inputs it
/// wins, and a gated recurrent unit and a perceptron update it. The published algorithm applies
/// the cell three times and differentiates through all of them (`estimator: .unrolled`); Chang,
/// Griffiths and Levine treat the result as a fixed point (`.oneStep`).
public struct SlotAttention: Module, FixedPointLayer {
  /// Of the features, once per solve.
  public let normInputs: LayerNorm
  /// Of the slots, before the queries.
  public let normSlots: LayerNorm
  /// Of the updated slots, before the perceptron.
  public let normMlp: LayerNorm
  /// Slots to queries.
  public let projectQ: Linear
  /// Features to keys.
  public let projectK: Linear
  /// Features to values.
  public let projectV: Linear
  /// Updates and slots to slots.
  public let gru: GRUCell
  /// The residual perceptron.
  public let mlp: Perceptron
  /// The number of heads, a divisor of the slots' width.
  public let heads: Int
  /// What keeps the weights of a slot that wins nothing defined.
  public let epsilon: Double

  /// How gradients are computed.
  public var estimator: any BackwardEstimator
  /// When to stop; the published models apply the cell a fixed number of times.
  public var stoppingRule: StoppingRule
  /// How to iterate.
  public var solver: any ForwardSolver = .picard()

  /// Slot attention with random weights.
  ///
  /// - Parameters:
  ///   - featureSize: the width of the inputs.
  ///   - slotSize: the width of the slots.
  ///   - mlpHiddenSize: the hidden width of the perceptron.
  ///   - heads: default 1.
  ///   - epsilon: default 1e-8.
  ///   - estimator: default the first-order approximation of the implicit gradient.
  ///   - stoppingRule: default three evaluations.
  ///   - generator: for the weights.
  public init(
    featureSize: Int, slotSize: Int, mlpHiddenSize: Int, heads: Int = 1, epsilon: Double = 1e-8,
    estimator: any BackwardEstimator = .oneStep, stoppingRule: StoppingRule = .evaluations(3),
    using generator: inout Philox
  ) {
    expect(
      heads > 0 && slotSize % heads == 0,
      "\(heads) slot heads do not divide a slot size of \(slotSize)")
    normInputs = LayerNorm(featureSize)
    normSlots = LayerNorm(slotSize)
    normMlp = LayerNorm(slotSize)
    projectQ = Linear(slotSize, slotSize, bias: false, using: &generator)
    projectK = Linear(featureSize, slotSize, bias: false, using: &generator)
    projectV = Linear(featureSize, slotSize, bias: false, using: &generator)
    gru = GRUCell(slotSize, slotSize, using: &generator)
    mlp = Perceptron(slotSize, hidden: mlpHiddenSize, slotSize, using: &generator)
    self.heads = heads
    self.epsilon = epsilon
    self.estimator = estimator
    self.stoppingRule = stoppingRule
  }

  /// What a solve starts from.
  public struct Input {
    /// [batch, inputs, feature size].
    public let features: Tensor
    /// [batch, slots, slot size].
    public let initialSlots: Tensor

    /// Features and initial slots.
    public init(features: Tensor, initialSlots: Tensor) {
      self.features = features
      self.initialSlots = initialSlots
    }
  }

  /// What every iteration reads: the inputs' keys and values.
  public struct Injection {
    /// [batch, slot size, inputs], scaled by (slot size / heads)^-1/2.
    public let keysTransposed: Tensor
    /// [batch, inputs, slot size].
    public let values: Tensor
    /// [batch, slots, slot size].
    public let initialSlots: Tensor
  }

  /// Keys and values, once per solve.
  public func inject(_ input: Input) -> Injection {
    let features = normInputs(input.features)
    let scale = 1 / (Double(projectK.outputSize) / Double(heads)).squareRoot()
    return Injection(
      keysTransposed: features.projectedTransposed(projectK.weight.tensor, scale: scale),
      values: projectV(features),
      initialSlots: input.initialSlots)
  }

  /// Keys, values and initial slots of some samples: images whose slots have settled leave a solve.
  public func injection(_ injection: Injection, ofSamples positions: [Int]) -> Injection? {
    Injection(
      keysTransposed: injection.keysTransposed.samples(positions),
      values: injection.values.samples(positions),
      initialSlots: injection.initialSlots.samples(positions))
  }

  /// The given initial slots.
  public func initialState(for injection: Injection) -> Tensor { injection.initialSlots }

  /// One round of competition and update.
  public func step(_ slots: Tensor, given injection: Injection) -> Tensor {
    let updates = Tensor.slotUpdates(
      queries: projectQ(normSlots(slots)), keysTransposed: injection.keysTransposed,
      values: injection.values, heads: heads, epsilon: epsilon)
    let flat: Shape = [slots.shape[0] * slots.shape[1], slots.shape[2]]
    let updated = gru(updates.reshaped(flat), state: slots.reshaped(flat))
    return (updated + mlp(normMlp(updated))).reshaped(slots.shape)
  }

  /// Which slot each input belongs to, as seen by the given slots.
  ///
  /// - Returns: [batch, slots, inputs], summed over heads; sums to 1 over slots; not recorded.
  public func attention(of slots: Tensor, given injection: Injection) -> Tensor {
    withoutRecording {
      let (batch, count) = (slots.shape[0], slots.shape[1])
      let inputs = injection.values.shape[1]
      return Tensor.slotAttention(
        queries: projectQ(normSlots(slots)), keysTransposed: injection.keysTransposed,
        heads: heads
      ).reshaped([batch, heads, count, inputs]).sum(alongAxis: 1)
    }
  }
}

extension SlotAttention {
  /// The slots and the attention with which they were last updated, not recorded.
  ///
  /// - Returns: slots [batch, slots, slot size] and attention [batch, slots, inputs].
  public func attended(_ input: Input) throws -> (slots: Tensor, attention: Tensor) {
    try withoutRecording {
      let injection = inject(input)
      var last = injection.initialSlots
      let solution = try estimator.solution(
        of: FixedPointMap { slots in
          last = slots
          return step(slots, given: injection)
        }, from: injection.initialSlots, using: solver, until: stoppingRule)
      return (solution.value, attention(of: last, given: injection))
    }
  }
}
