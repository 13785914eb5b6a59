import Foundation
import ObjectCentric
import Tensors
import Training

extension RunConfiguration {
  /// Takes those sizes of a model that its tensors show.
  ///
  /// - Throws: `RunError` naming a tensor that every model of these sizes has and this file lacks, or
  ///   that has no elements: such a one could claim any width in a few bytes.
  mutating func readSizes(of checkpoint: Checkpoint, path: String) throws {
    let shapes = checkpoint.shapes
    func shape(_ name: String, rank: Int) throws -> Shape {
      guard let shape = shapes[name], shape.rank == rank else {
        throw RunError(
          path: path, reason: "it has no tensor '\(name)' with \(rank) axes",
          remedy: "save the model's state dictionary under its published names")
      }
      guard !shape.array.contains(0) else {
        throw RunError(
          path: path, reason: "'\(name)' has shape \(shape), without any element",
          remedy: "save the model's state dictionary without changing it")
      }
      return shape
    }
    dvaeWidth = try shape("dvae.encoder.6.weight", rank: 1)[0]
    let dictionary = try shape("dictionary.dictionary.weight", rank: 2)
    (vocabSize, dModel) = (dictionary[0] - 1, dictionary[1])
    let tokens = try shape("positional_encoder.pe", rank: 3)[1] - 1
    imageSize = 4 * Int(Double(max(tokens, 0)).squareRoot().rounded())
    slotSize = try shape("slot_proj.weight", rank: 2)[1]
    mlpHiddenSize = try shape("slot_attn.slot_attention.mlp.0.weight", rank: 2)[0]
    numDecBlocks =
      shapes.keys.filter {
        $0.hasPrefix("tf_dec.blocks.") && $0.hasSuffix(".ffn.0.weight")
      }.count
    let blocks = (0..<numDecBlocks).map { "tf_dec.blocks.\($0).ffn.0.weight" }
    let squares =
      [
        ("dvae.encoder.1.m.weight", [dvaeWidth, dvaeWidth, 1, 1]),
        ("slot_attn.slot_attention.gru.weight_ih", [3 * slotSize, slotSize]),
      ]
      + blocks.map { ($0, [4 * dModel, dModel]) }
    for (name, extents) in squares {
      let found = try shape(name, rank: extents.count)
      // The extents may be larger than those of any shape.
      guard found.array == extents else {
        throw RunError(
          path: path, reason: "'\(name)' has shape \(found) instead of \(extents)",
          remedy: "save the model's state dictionary without changing it")
      }
    }
    slotInit = .random
    if shapes["slot_attn.slot_init"] != nil {
      (slotInit, numSlots) = (.learned, try shape("slot_attn.slot_init", rank: 3)[1])
    }
  }
}

extension Checkpoint {
  /// Refuses sizes whose model is far larger than the file, before memory is spent on one.
  ///
  /// A few tensors of a file can claim widths of which the products fill any memory. Twice the numbers of
  /// the file and 2^20 more are allowed, so that a file that lacks some tensors gets as far as to be told
  /// which.
  ///
  /// - Throws: `RunError` naming the file.
  func expectHolds(_ model: SLATE.Configuration, path: String) throws {
    let held = shapes.values.reduce(0) { $0 + $1.elementCount }
    guard model.parameterCount <= 2 * Double(held) + 0x1p20 else {
      throw RunError(
        path: path,
        reason: "a model of the sizes that its tensors claim has \(model.parameterCount.whole) "
          + "parameters, and the file holds \(held)",
        remedy: "save the model's state dictionary without changing it, all of its tensors")
    }
  }
}

extension Double {
  /// A whole number without its fraction.
  fileprivate var whole: String { String(format: "%.0f", self) }
}
