import Foundation
import Tensors
import Testing

@testable import ObjectCentric

/// Choices about SLATE's parts that the published model does not have.
@Suite struct SLATEPartsTests {
  private func configuration(
    _ change: (inout SLATE.Configuration) -> Void = { _ in }
  ) -> SLATE.Configuration {
    var result = SLATE.Configuration()
    result.imageSize = 16
    result.vocabularySize = 9
    result.modelSize = 8
    result.slotCount = 2
    result.slotSize = 6
    result.mlpHiddenSize = 10
    result.decoderBlocks = 1
    result.heads = 2
    result.dropout = 0
    change(&result)
    return result
  }

  @Test("sinusoidal positions are waves along both sides, and are not trained")
  func sinusoidalPositions() throws {
    let configuration = configuration {
      $0.positionEncoding = .sinusoidal
      $0.positionDeviation = 0.5
    }
    var weights = Philox(seed: 1)
    let model = SLATE(configuration, using: &weights)
    let pe = model.positionalEncoder.pe.tensor
    #expect(pe.shape == [1, 17, 8])
    #expect(pe.slice(0..<1, alongAxis: 1).scalars.allSatisfy { $0 == 0 })
    // The token in row 2, column 1 of 4: frequencies pi / 2 and pi / 2 * 4^(1/2) of a side.
    let place = pe.slice(1 + 2 * 4 + 1..<1 + 2 * 4 + 2, alongAxis: 1).scalars
    var expected: [Double] = []
    for distance in [1.5 / 4, 2.5 / 4] {
      for frequency in [Double.pi / 2, Double.pi] {
        expected.append(0.5 * 2.0.squareRoot() * sin(frequency * distance))
        expected.append(0.5 * 2.0.squareRoot() * cos(frequency * distance))
      }
    }
    for (value, wanted) in zip(place, expected) { #expect(abs(value - wanted) < 1e-6) }
    let meanSquare = pe.slice(1..<17, alongAxis: 1).square().mean().scalar
    #expect(abs(meanSquare - 0.25) < 1e-6)

    var draws = Philox(seed: 2)
    let images = Tensor.uniform([2, 16, 16, 3], using: &draws)
    let noise = SLATE.Noise(batch: 2, configuration, using: &draws)
    let table = try gradients(
      of: model.losses(
        of: images, noise: noise, temperature: 1, in: .evaluation
      ).crossEntropy)
    #expect(table[pe] == nil)
    #expect(table[model.dictionary.dictionary.weight.tensor] != nil)
  }

  @Test("the cross-entropy alone is that of the whole loss, and leaves the dVAE alone")
  func crossEntropyAlone() throws {
    let configuration = configuration()
    var weights = Philox(seed: 1)
    let model = SLATE(configuration, using: &weights)
    var draws = Philox(seed: 2)
    let images = Tensor.uniform([3, 16, 16, 3], using: &draws)
    let noise = SLATE.Noise(batch: 3, configuration, using: &draws)
    let whole = try model.losses(of: images, noise: noise, temperature: 1, in: .evaluation)
    let alone = try model.crossEntropy(of: images, noise: noise, in: .evaluation)
    #expect(whole.crossEntropy.scalar == alone.scalar)
    let table = try gradients(of: alone)
    for entry in model.namedParameters {
      let isReached = table[entry.parameter.tensor] != nil
      let isExpected =
        !entry.name.hasPrefix("dvae.")
        && !["slot_attn.slot_mu", "slot_attn.slot_log_sigma"].contains(entry.name)
      #expect(isReached == isExpected, "\(entry.name)")
    }
  }

  @Test("an autoencoder can be narrower; of the published width it has the published shapes")
  func widths() {
    for (width, channels) in [(64, 64), (12, 12)] {
      var weights = Philox(seed: 1)
      let model = SLATE(configuration { $0.autoencoderWidth = width }, using: &weights)
      let shapes = Dictionary(
        uniqueKeysWithValues: model.namedParameters.map { ($0.name, $0.parameter.tensor.shape) })
      #expect(shapes["dvae.encoder.6.weight"] == [channels])
      #expect(shapes["dvae.decoder.4.weight"] == [4 * channels])
      #expect(shapes["dvae.decoder.11.bias"] == [3])
    }
  }

  @Test("the number of parameters is known without a model")
  func parameterCounts() {
    var generator = Philox(seed: 1)
    var sizes = SLATE.Configuration()
    for (vocabulary, width, model, slot, hidden) in [
      (5, 8, 12, 6, 7), (16, 4, 8, 10, 3), (9, 12, 4, 8, 20),
    ] {
      for (blocks, size, slots) in [(1, 16, 2), (3, 8, 5)] {
        for initialization in SLATE.SlotInitialization.allCases {
          for positions in [SLATE.PositionEncoding.learned, .sinusoidal] {
            (sizes.vocabularySize, sizes.autoencoderWidth) = (vocabulary, width)
            (sizes.modelSize, sizes.slotSize, sizes.mlpHiddenSize) = (model, slot, hidden)
            (sizes.decoderBlocks, sizes.imageSize, sizes.slotCount) = (blocks, size, slots)
            (sizes.heads, sizes.slotHeads) = (2, 1)
            (sizes.slotInitialization, sizes.positionEncoding) = (initialization, positions)
            let model = SLATE(sizes, using: &generator)
            #expect(sizes.parameterCount == Double(model.parameterCount), "\(sizes)")
          }
        }
      }
    }
  }
}
