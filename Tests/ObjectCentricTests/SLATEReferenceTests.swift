import Foundation
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import TestSupport
import Testing
import Training

/// The whole model against the published implementation, with its random draws injected.
@Suite struct SLATEReferenceTests {
  private let file: SafetensorsFile
  private var model: SLATE
  private let image: Tensor
  private let noise: SLATE.Noise
  private let temperature = 0.7

  /// [batch, channels, height, width] to channels-last.
  private static func channelsLast(_ x: Tensor) -> Tensor { x.permuted([0, 2, 3, 1]) }

  init() throws {
    file = try fixture("slate_tiny_a")
    var configuration = SLATE.Configuration()
    configuration.imageSize = 16
    configuration.vocabularySize = 24
    configuration.modelSize = 16
    configuration.slotCount = 3
    configuration.slotSize = 16
    configuration.mlpHiddenSize = 24
    configuration.decoderBlocks = 2
    configuration.heads = 2
    var generator = Philox(seed: 1)
    model = SLATE(configuration, using: &generator)
    try load(model, from: file, prefix: "param.")
    image = Self.channelsLast(try file.tensor("input.image"))
    noise = SLATE.Noise(
      gumbelRelaxed: Self.channelsLast(try file.tensor("noise.gumbel_relaxed")),
      gumbelHard: Self.channelsLast(try file.tensor("noise.gumbel_hard")),
      slots: try file.tensor("noise.slots"))
  }

  private func model(_ variant: String) -> SLATE {
    var model = model
    model.slotAttn.configure(
      estimator: variant == "implicit" ? .oneStep : .unrolled,
      // The published implicit step is one application after three.
      stoppingRule: .evaluations(variant == "implicit" ? 4 : 3))
    return model
  }

  @Test("every parameter has its published name")
  func names() {
    let names = Set(model.namedParameters.map(\.name))
    let published = Set(
      file.entries.map(\.name).filter { $0.hasPrefix("param.") }.map { String($0.dropFirst(6)) })
    #expect(names == published)
    #expect(names.count == model.namedParameters.count)
  }

  @Test("losses, reconstruction and every gradient, float64", arguments: ["unrolled", "implicit"])
  func losses(_ variant: String) throws {
    try check(variant, dtype: .float64) { actual, expected, name in
      #expect(
        difference(actual, expected, relative: 1e-8, absolute: 1e-8) == nil, "\(variant) \(name)")
    }
  }

  @Test("the same in float32", arguments: ["unrolled", "implicit"])
  func lossesInSinglePrecision(_ variant: String) throws {
    try check(variant, dtype: .float32) { actual, expected, name in
      #expect(
        difference(actual, expected, relative: 1e-3, absolute: 1e-4) == nil, "\(variant) \(name)")
    }
  }

  private func check(
    _ variant: String, dtype: DType, _ expectClose: ([Double], [Double], String) -> Void
  ) throws {
    let model = model(variant)
    model.convertParameters(to: dtype)
    let losses = try model.losses(
      of: image.converted(to: dtype),
      noise: SLATE.Noise(
        gumbelRelaxed: noise.gumbelRelaxed.converted(to: dtype),
        gumbelHard: noise.gumbelHard.converted(to: dtype),
        slots: noise.slots.converted(to: dtype)),
      temperature: temperature, in: .evaluation)
    let batch = 2.0
    let expected = { (name: String) in try file.tensor("out.\(variant).\(name)") }
    expectClose([losses.squaredError.scalar / batch], try expected("mse").scalars, "mse")
    expectClose(
      [losses.crossEntropy.scalar / batch], try expected("cross_entropy").scalars,
      "cross_entropy")
    expectClose(
      losses.reconstruction.scalars.map { min(max($0, 0), 1) },
      Self.channelsLast(try expected("recon")).scalars, "recon")

    let table = try gradients(of: (losses.squaredError + losses.crossEntropy) / batch)
    var strided = 0
    for entry in model.namedParameters {
      let tensor = entry.parameter.tensor
      let gradient = (table[tensor] ?? tensor.zerosLike()).scalars
      let prefix =
        file["grad.both.\(entry.name)"] == nil
          && file["grad.both.\(entry.name)#sum"] == nil ? "grad.\(variant)" : "grad.both"
      let name = "\(prefix).\(entry.name)"
      if file[name] != nil {
        expectClose(gradient, try file.tensor(name).scalars, name)
      } else {
        strided += 1
        expectClose(
          stride(from: 0, to: gradient.count, by: 7).map { gradient[$0] },
          try file.tensor(name + "#stride7").scalars, name)
        let scale = gradient.map(abs).max() ?? 0
        let dot = gradient.enumerated().reduce(0) { $0 + cos(0.1 * Double($1.offset)) * $1.element }
        expectClose(
          [scale, gradient.reduce(0, +), dot],
          [scale] + (try file.tensor(name + "#sum").scalars)
            + (try file.tensor(name + "#dot").scalars), name)
      }
    }
    #expect(strided > 0)
    let mu = try #require(model.namedParameters.first { $0.name == "slot_attn.slot_mu" })
    #expect((table[mu.parameter.tensor] == nil) == (variant == "implicit"))
  }

  @Test("greedy generation with cached keys and values", arguments: ["unrolled", "implicit"])
  func generation(_ variant: String) throws {
    let result = try model(variant).reconstruct(image, slotNoise: noise.slots)
    let expected = Self.channelsLast(
      try file.tensor("out.\(variant).reconstruct_autoregressive"))
    #expect(difference(result.image, expected, absolute: 1e-8) == nil)
  }

  @Test("attention overlays", arguments: ["unrolled", "implicit"])
  func overlays(_ variant: String) throws {
    let model = model(variant)
    let tokens = (model.dvae.logits(image) + noise.gumbelHard).argmax(alongAxis: -1)
    let result = try model.slots(ofTokens: tokens, noise: noise.slots)
    // [batch, slots, grid, grid] to [batch, slots, height, width], each cell 4 x 4 pixels.
    let wide = result.attention.reshaped([2, 3, 4, 1, 4, 1]).broadcast(to: [2, 3, 4, 4, 4, 4])
      .reshaped([2, 3, 1, 16, 16])
    let pixels = image.permuted([0, 3, 1, 2]).reshaped([2, 1, 3, 16, 16])
    let overlay = pixels * wide + 1 - wide
    let expected = try file.tensor("out.\(variant).attention_overlay")
    #expect(difference(overlay, expected, absolute: 1e-8) == nil)
  }
}
