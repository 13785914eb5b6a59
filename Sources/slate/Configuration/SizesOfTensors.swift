import Tensors
import Training

extension RunConfiguration {
  /// Takes those sizes of a model that its tensors show.
  ///
  /// - Throws: `RunError` naming a tensor that every model of these sizes has and this file lacks.
  mutating func readSizes(of checkpoint: Checkpoint, path: String) throws {
    let shapes = checkpoint.shapes
    func shape(_ name: String, rank: Int) throws -> Shape {
      guard let shape = shapes[name], shape.rank == rank else {
        throw RunError(
          path: path, reason: "it has no tensor '\(name)' with \(rank) axes",
          remedy: "save the model's state dictionary under its published names")
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
    // Tensors without elements can claim any width in a few bytes. So tensors whose size grows with
    // the square of a width must be in the file before a model is made.
    let blocks = (0..<numDecBlocks).map { "tf_dec.blocks.\($0).ffn.0.weight" }
    let squares =
      [
        ("dvae.encoder.1.m.weight", [dvaeWidth, dvaeWidth, 1, 1]),
        ("slot_attn.slot_attention.gru.weight_ih", [3 * slotSize, slotSize]),
      ]
      + blocks.map { ($0, [4 * dModel, dModel]) }
    for (name, extents) in squares {
      let found = try shape(name, rank: extents.count)
      guard found == Shape(extents) else {
        throw RunError(
          path: path, reason: "'\(name)' has shape \(found) instead of \(Shape(extents))",
          remedy: "save the model's state dictionary without changing it")
      }
    }
    slotInit = .random
    if let learned = shapes["slot_attn.slot_init"], learned.rank == 3 {
      (slotInit, numSlots) = (.learned, learned[1])
    }
  }
}
