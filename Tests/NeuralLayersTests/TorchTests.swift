import Foundation
import NeuralLayers
import Tensors
import TestSupport
import Testing
import Training

/// Layers beside PyTorch's, in double precision, with its parameters under its names.
@Suite struct TorchTests {
  private static let cases: [String: @Sendable () -> any Layer] = [
    "batch_norm": { BatchNorm(3, momentum: 0.3, epsilon: 0.01) },
    "batch_norm_rows": { BatchNorm(3) },
    "batch_norm_evaluation": { BatchNorm(3) },
    "rms_norm": { RMSNorm(6, epsilon: 0.01) },
    "group_norm": { GroupNorm(2, 6) },
    "max_pooling": { MaxPooling(kernel: 3, stride: 2, padding: 1) },
    "average_pooling": { AveragePooling(kernel: 3, stride: 2, padding: 1) },
    "adaptive_pooling": { AdaptiveAveragePooling(height: 3, width: 4) },
    "transposed_convolution": {
      var random = Philox(seed: 1)
      return TransposedConvolution2D(
        3, 4, kernel: 3, stride: 2, padding: 1, outputPadding: 1, using: &random)
    },
    "transposed_convolution_plain": {
      var random = Philox(seed: 1)
      return TransposedConvolution2D(3, 4, kernel: 2, stride: 3, bias: false, using: &random)
    },
    "gelu": { Activation.gelu }, "gelu_tanh": { Activation.geluTanh },
    "silu": { Activation.silu },
  ]

  /// The cases of layers that do not train.
  private static let evaluated: Set = ["batch_norm_evaluation"]

  private let answers: SafetensorsFile

  init() throws {
    let url = Bundle.module.url(forResource: "torch_answers", withExtension: "safetensors")
    answers = try SafetensorsFile(contentsOf: #require(url))
  }

  private func tensor(_ name: String) throws -> Tensor { try #require(answers[name]).tensor }

  @Test("values, gradients and statistics", arguments: cases.keys.sorted())
  func layer(_ name: String) throws {
    let make = try #require(Self.cases[name])
    let layer = make()
    layer.convertParameters(to: .float64)
    for entry in layer.namedParameters {
      let value = try tensor("\(name).\(entry.name)")
      entry.parameter.assign(value.converted(to: .float64))
    }
    let x = try tensor("\(name).x").variable()
    let context = LayerContext(isTraining: !Self.evaluated.contains(name))
    let y = try layer(x, in: context)
    let expected = try tensor("\(name).y")
    #expect(difference(y, expected, relative: 1e-13) == nil)
    let table = try gradients(of: y, cotangent: try tensor("\(name).v"))
    let (slope, expectedSlope) = (try #require(table[x]), try tensor("\(name).dx"))
    #expect(difference(slope, expectedSlope, relative: 1e-12) == nil)
    context.statistics.commit()
    for entry in layer.namedParameters {
      if entry.parameter.isTrained {
        let expected = try tensor("\(name).d.\(entry.name)")
        let gradient = try #require(table[entry.parameter.tensor])
        #expect(difference(gradient, expected, relative: 1e-12) == nil, "\(entry.name)")
      } else {
        let expected = try tensor("\(name).after.\(entry.name)").converted(to: .float64)
        #expect(
          difference(entry.parameter.tensor, expected, relative: 1e-14) == nil, "\(entry.name)")
      }
    }
  }

  @Test func everyCaseOfTheFileIsCompared() {
    let names = Set(answers.entries.map { String($0.name.prefix { $0 != "." }) })
    #expect(names == Set(Self.cases.keys))
  }
}
