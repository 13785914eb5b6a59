import ImplicitLayers
import NeuralLayers
import Tensors

/// Slot attention as a fixed-point layer.
///
/// ```swift
/// let slots = try slotAttention(.init(features: x, initialSlots: noise))   // [batch, slots, width]
/// ```
/// Slots compete for inputs (Locatello et al. 2020, algorithm 1; with several heads as in SLATE).
/// For each input there is a softmax over slots and heads; each slot then gathers the weighted mean
/// of the inputs that it wins, and a gated recurrent unit and a perceptron update it. The published
/// algorithm applies the cell three times and differentiates through all of them
/// (`estimator: .unrolled`); Chang, Griffiths and Levine treat the result as a fixed point
/// (`.oneStep`).
public struct SlotAttention: Module, FixedPointLayer {
  /// The norm of the features, which is applied once per solve.
  public let normInputs: LayerNorm
  /// The norm of the slots, before the queries.
  public let normSlots: LayerNorm
  /// The norm of the updated slots, before the perceptron.
  public let normMlp: LayerNorm
  /// The projection of slots to queries.
  public let projectQ: Linear
  /// The projection of features to keys.
  public let projectK: Linear
  /// The projection of features to values.
  public let projectV: Linear
  /// The recurrent unit that updates the slots.
  public let gru: GRUCell
  /// The perceptron, whose output is added to the slots.
  public let mlp: Perceptron
  /// The number of heads, a divisor of the slots' width.
  public let heads: Int
  /// A small weight added everywhere, so that the weights of a slot that wins nothing stay defined.
  public let epsilon: Double

  /// How gradients are computed.
  public var estimator: any BackwardEstimator
  /// When a solve stops; the published models apply the cell a fixed number of times.
  public var stoppingRule: StoppingRule
  /// How the fixed point is found; default Picard iteration.
  public var solver: any ForwardSolver = .picard()

  /// Slot attention with random weights.
  ///
  /// - Parameters:
  ///   - featureSize: the width of the inputs.
  ///   - slotSize: the width of the slots.
  ///   - mlpHiddenSize: the hidden width of the perceptron.
  ///   - heads: the number of heads, a divisor of `slotSize`; default 1.
  ///   - epsilon: the small weight that keeps quotients defined; default 1e-8.
  ///   - estimator: how gradients are computed; default `.oneStep`, the first-order approximation
  ///     of the implicit gradient.
  ///   - stoppingRule: when a solve stops; default after three evaluations.
  ///   - generator: the source of the weights.
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

  /// The input of a solve.
  public struct Input {
    /// The features, [batch, inputs, feature size].
    public let features: Tensor
    /// The slots from which the iteration starts, [batch, slots, slot size].
    public let initialSlots: Tensor

    /// An input from features and initial slots.
    public init(features: Tensor, initialSlots: Tensor) {
      self.features = features
      self.initialSlots = initialSlots
    }
  }

  /// The values that every iteration reads: the normalised inputs.
  ///
  /// Keys and values are never formed. There are few slots and many inputs, so the products with
  /// W_k and W_v are taken on the side of the slots: q k^T = (q W_k) x^T and w v = (w x) W_v^T.
  /// This costs two more products with slots in each iteration, and saves two products with all
  /// inputs in each solve.
  public struct Injection {
    /// The normalised inputs x, [batch, inputs, feature size].
    public let inputs: Tensor
    /// The transposed inputs x^T, [batch, feature size, inputs]; not recorded.
    public let inputsTransposed: Tensor
    /// The slots from which the iteration starts, [batch, slots, slot size].
    public let initialSlots: Tensor
  }

  /// The normalised inputs, computed once per solve.
  public func inject(_ input: Input) -> Injection {
    let inputs = normInputs(input.features)
    return Injection(
      inputs: inputs, inputsTransposed: inputs.detached().transposed(),
      initialSlots: input.initialSlots)
  }

  /// The injection of some samples only, because images whose slots have settled leave a solve.
  public func injection(_ injection: Injection, ofSamples positions: [Int]) -> Injection? {
    Injection(
      inputs: injection.inputs.samples(positions),
      inputsTransposed: injection.inputsTransposed.samples(positions),
      initialSlots: injection.initialSlots.samples(positions))
  }

  /// The initial slots of the input.
  public func initialState(for injection: Injection) -> Tensor { injection.initialSlots }

  /// One application of the cell: a round of competition, and the update of the slots.
  public func step(_ slots: Tensor, given injection: Injection) -> Tensor {
    let means = Tensor.slotMeans(
      queries: queries(of: slots), inputs: injection.inputs,
      inputsTransposed: injection.inputsTransposed, scale: logitScale, epsilon: epsilon)
    let flat = slots.reshaped([slots.shape[0] * slots.shape[1], slots.shape[2]])
    let updated = gru(updates(from: means), state: flat)
    return (updated + mlp(normMlp(updated))).reshaped(slots.shape)
  }

  /// How much each input belongs to each slot, as seen by the given slots.
  ///
  /// - Returns: the attention, [batch, slots, inputs], summed over heads; it sums to 1 over slots
  ///   and is not recorded.
  public func attention(of slots: Tensor, given injection: Injection) -> Tensor {
    withoutRecording {
      let (batch, count) = (slots.shape[0], slots.shape[1])
      let inputs = injection.inputs.shape[1]
      return Tensor.slotAttention(
        queries: queries(of: slots), inputsTransposed: injection.inputsTransposed,
        scale: logitScale
      ).reshaped([batch, heads, count, inputs]).sum(alongAxis: 1)
    }
  }

  /// The factor of the logits, (slot size / heads)^-1/2.
  private var logitScale: Double {
    (Double(heads) / Double(projectQ.outputSize)).squareRoot()
  }

  /// The vectors q_h W_k,h of each head h, with which the inputs themselves are compared.
  ///
  /// - Returns: [batch, heads * slots, feature size], head by head.
  private func queries(of slots: Tensor) -> Tensor {
    let (batch, count) = (slots.shape[0], slots.shape[1])
    let width = projectQ.outputSize / heads
    let byHead = projectQ(normSlots(slots))
      .reshaped([batch, count, heads, width]).permuted([2, 0, 1, 3])
      .reshaped([heads, batch * count, width])
    let featureSize = projectK.weight.shape[1]
    return byHead.matmul(projectK.weight.tensor.reshaped([heads, width, featureSize]))
      .reshaped([heads, batch, count, featureSize]).permuted([1, 0, 2, 3])
      .reshaped([batch, heads * count, featureSize])
  }

  /// The products of W_v,h with the means of head h; the heads stand side by side.
  ///
  /// - Parameter means: [batch, heads * slots, feature size].
  /// - Returns: [batch * slots, slot size].
  private func updates(from means: Tensor) -> Tensor {
    let (batch, count) = (means.shape[0], means.shape[1] / heads)
    let (slotSize, featureSize) = (projectV.outputSize, means.shape[2])
    let byHead = means.reshaped([batch, heads, count, featureSize]).permuted([1, 0, 2, 3])
      .reshaped([heads, batch * count, featureSize])
    return byHead.matmul(
      projectV.weight.tensor.reshaped([heads, slotSize / heads, featureSize]),
      transposingOther: true
    ).permuted([1, 0, 2]).reshaped([batch * count, slotSize])
  }
}

extension SlotAttention {
  /// The slots and the attention with which they were last updated, not recorded.
  ///
  /// Under a tolerance, which solvers meet at different times in different samples, it is the attention of
  /// the slots that are returned: a step from them leads to themselves.
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
      let updated = stoppingRule.tolerance == nil ? last : solution.value
      return (solution.value, attention(of: updated, given: injection))
    }
  }
}
