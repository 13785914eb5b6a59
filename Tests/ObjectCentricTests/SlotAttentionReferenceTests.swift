import Foundation
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import TestSupport
import Testing
import Training

func fixture(_ name: String) throws -> SafetensorsFile {
  let url = try #require(
    Bundle.module.url(forResource: name, withExtension: "safetensors", subdirectory: "Fixtures"))
  return try SafetensorsFile(contentsOf: url)
}

/// Gives every parameter the value that the file holds under `prefix` and its name.
func load(_ module: some Module, from file: SafetensorsFile, prefix: String) throws {
  for entry in module.namedParameters {
    entry.parameter.assign(try file.tensor(prefix + entry.name).converted(to: .float64))
  }
}

/// Slot attention against the published implementation, in double precision.
@Suite struct SlotAttentionReferenceTests {
  private let file: SafetensorsFile
  private var cell: SlotAttention
  private let features: Tensor
  private let initialSlots: Tensor
  private let cotangent: Tensor

  init() throws {
    file = try fixture("slot_attention_a")
    var generator = Philox(seed: 1)
    cell = SlotAttention(featureSize: 6, slotSize: 8, mlpHiddenSize: 16, using: &generator)
    try load(cell, from: file, prefix: "param.")
    features = try file.tensor("input.features").variable()
    initialSlots = try file.tensor("input.initial_slots").variable()
    cotangent = try file.tensor("input.cotangent")
  }

  private func expectGradients(_ table: Gradients, _ prefix: String) throws {
    var checked = 0
    for entry in cell.namedParameters {
      let expected = try file.tensor("\(prefix).\(entry.name)")
      let gradient = table[entry.parameter.tensor] ?? expected.zerosLike()
      #expect(difference(gradient, expected, absolute: 1e-9) == nil, "\(prefix).\(entry.name)")
      checked += 1
    }
    #expect(checked == 17)
    let expected = try file.tensor("\(prefix).features")
    #expect(
      difference(table[features] ?? expected.zerosLike(), expected, absolute: 1e-9) == nil,
      "\(prefix).features")
  }

  @Test("unrolled", arguments: [1, 3, 7])
  func unrolled(_ n: Int) throws {
    var cell = cell
    cell.estimator = .unrolled
    cell.stoppingRule = .evaluations(n)
    let input = SlotAttention.Input(features: features, initialSlots: initialSlots)
    let slots = try cell(input)
    #expect(try difference(slots, file.tensor("out.slots.n\(n)"), absolute: 1e-9) == nil)
    let attention = try cell.attended(input).attention.transposed()
    #expect(try difference(attention, file.tensor("out.attention.n\(n)"), absolute: 1e-9) == nil)
    let table = try gradients(of: slots, cotangent: cotangent)
    try expectGradients(table, "grad.unrolled.n\(n)")
    let expected = try file.tensor("grad.unrolled.n\(n).initial_slots")
    #expect(difference(try #require(table[initialSlots]), expected, absolute: 1e-9) == nil)
  }

  @Test("the gradient is swapped in one line", arguments: [0, 1, 2, 3, 4, 5])
  func implicit(_ terms: Int) throws {
    var cell = cell
    cell.estimator = terms == 0 ? .exact : .neumann(terms: terms)
    cell.stoppingRule = .tolerance(relative: 0, absolute: 1e-14, limit: 2000)
    let solution = try cell.solve(.init(features: features, initialSlots: initialSlots))
    #expect(
      try difference(solution.value, file.tensor("out.fixed_point"), absolute: 1e-9) == nil)
    let table = try gradients(of: solution.value, cotangent: cotangent)
    try expectGradients(table, terms == 0 ? "grad.exact" : "grad.neumann\(terms)")
    #expect(table[initialSlots] == nil)
  }

  @Test("the adjoint itself", arguments: [0, 1, 2, 3, 4, 5])
  func adjoints(_ terms: Int) throws {
    let estimator: any AdjointEstimator = terms == 0 ? .exact : .neumann(terms: terms)
    let injection = cell.inject(.init(features: features, initialSlots: initialSlots))
    let (_, pullback) = valueWithPullback(at: try file.tensor("out.fixed_point")) {
      cell.step($0, given: injection)
    }
    let w = try estimator.adjoint(of: cotangent, through: pullback)
    let name = terms == 0 ? "adjoint.exact" : "adjoint.neumann\(terms)"
    #expect(try difference(w, file.tensor(name), absolute: 1e-9) == nil)
  }
}
