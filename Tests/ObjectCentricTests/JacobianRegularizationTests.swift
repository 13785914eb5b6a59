import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import TestSupport
import Testing
import Training

/// The penalty on |J| in the training of cells that are made of fused operators.
@Suite struct JacobianRegularizationTests {
  /// Group norm, a convolution, and a residual that is normed again, channels last.
  private struct ConvolutionalCell: Module, FixedPointLayer {
    let convolution: Convolution2D
    let gain: Parameter
    let bias: Parameter
    let norm: LayerNorm
    var estimator: any BackwardEstimator = .oneStep
    var solver: any ForwardSolver = .anderson()
    var stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 60, onFailure: .keeping)

    init(channels: Int, using generator: inout Philox) {
      convolution = Convolution2D(
        channels, channels, kernel: 3, padding: 1, initializer: .xavier(gain: 2),
        using: &generator)
      (gain, bias) = (Parameter(.ones([channels])), Parameter(.zeros([channels])))
      norm = LayerNorm(channels)
    }

    func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
    func step(_ z: Tensor, given x: Tensor) -> Tensor {
      let normed = (z + x).groupNorm(gain: gain.tensor, bias: bias.tensor, epsilon: 0.1)
      return norm(x + convolution(normed.relu()))
    }
  }

  /// A training: the mean spectral radius at the solution and the loss without penalty, both at first
  /// and at last.
  private struct Outcome {
    var before = 0.0, after = 0.0
    var losses: [Double] = []
    var isTrained: Bool { losses.last ?? .infinity < 0.8 * (losses.first ?? 0) }
  }

  /// Trains, and looks at the spectral radii before and after.
  private func radii<Layer: FixedPointLayer & Module>(
    of layer: Layer, _ input: Layer.Input, weight: Double, steps: Int, target: Tensor
  ) throws -> Outcome where Layer.State == Tensor {
    var generator = Philox(seed: 5)
    var optimizer = Adam()
    func radius() throws -> Double {
      try withoutRecording {
        var probe = Philox(seed: 9)
        let injection = try layer.inject(input)
        let z = try layer.solve(injection: injection).value
        let radii = try spectralRadius(
          of: { try layer.step($0, given: injection) }, at: z, iterations: 40, using: &probe)
        return radii.reduce(0, +) / Double(radii.count)
      }
    }
    var outcome = Outcome(before: try radius())
    for _ in 0..<steps {
      let injection = try layer.inject(input)
      let z = try layer.solve(injection: injection).value
      let loss = (z - target).square().mean()
      let penalty = try jacobianPenalty(
        of: { try layer.step($0, given: injection) }, at: z, using: &generator)
      let table = try gradients(of: loss + penalty * weight)
      optimizer.step(layer.namedParameters, gradients: table) { _ in 1e-2 }
      outcome.losses.append(loss.scalar)
    }
    outcome.after = try radius()
    return outcome
  }

  @Test("slot attention's own cell trains, and its spectral radius falls")
  func slotAttention() throws {
    func run(_ weight: Double) throws -> Outcome {
      var generator = Philox(seed: 2)
      let cell = SlotAttention(
        featureSize: 6, slotSize: 8, mlpHiddenSize: 12,
        stoppingRule: .tolerance(relative: 1e-4, limit: 60, onFailure: .keeping),
        using: &generator)
      let input = SlotAttention.Input(
        features: .normal([4, 9, 6], using: &generator),
        initialSlots: .normal([4, 3, 8], using: &generator))
      return try radii(
        of: cell, input, weight: weight, steps: 40,
        target: .normal([4, 3, 8], using: &generator))
    }
    let (plain, penalised) = (try run(0), try run(4))
    #expect(plain.before == penalised.before)
    #expect(penalised.after < 0.8 * penalised.before, "\(penalised)")
    #expect(penalised.after < 0.8 * plain.after, "\(penalised), without \(plain)")
    #expect(plain.isTrained && penalised.isTrained, "\(penalised), without \(plain)")
  }

  @Test("a normed, convolutional cell trains, and its spectral radius falls")
  func convolution() throws {
    func run(_ weight: Double) throws -> Outcome {
      var generator = Philox(seed: 3)
      let cell = ConvolutionalCell(channels: 4, using: &generator)
      let x = Tensor.normal([3, 5, 6, 4], using: &generator)
      return try radii(
        of: cell, x, weight: weight, steps: 40,
        target: .normal([3, 5, 6, 4], using: &generator) * 0.5)
    }
    let (plain, penalised) = (try run(0), try run(2))
    #expect(plain.before == penalised.before)
    #expect(penalised.after < 0.8 * penalised.before, "\(penalised)")
    #expect(penalised.after < 0.8 * plain.after, "\(penalised), without \(plain)")
    #expect(plain.isTrained && penalised.isTrained, "\(penalised), without \(plain)")
  }
}
