import ImplicitLayers
import ObjectCentric
import Tensors

/// Slot attention on 16 images of 256 inputs: the inputs' norm, iterations, and back to
/// the parameters and the features.
///
/// Every worker differentiates by its own part of the features, as in a model whose workers have
/// each computed that part.
///
/// - Parameters:
///   - slots: K.
///   - width: D, of features and slots.
///   - hidden: of the perceptron.
///   - iterations: how often the cell is applied.
///   - implicit: whether only one application at the result is differentiated (applied once more
///     for that), or all of them.
/// - Returns: the case.
/// - Throws: what the layer throws.
func slotAttention(
  slots: Int, width: Int, hidden: Int, iterations: Int, implicit: Bool
) throws -> Case {
  let (batch, inputs) = (16, 256)
  var generator = Philox(seed: 30)
  let layer = SlotAttention(
    featureSize: width, slotSize: width, mlpHiddenSize: hidden,
    estimator: implicit ? .oneStep : .unrolled,
    stoppingRule: .evaluations(implicit ? iterations + 1 : iterations),
    using: &generator)
  let features = Tensor.normal([batch, inputs, width], using: &generator)
  let initial = Tensor.normal([batch, slots, width], using: &generator)
  let cotangent = Tensor.normal([batch, slots, width], using: &generator)

  @Sendable func work(
    _ range: Range<Int>
  ) throws -> (slots: Tensor, features: Tensor?, table: Gradients) {
    let part = features.slice(range).variable()
    let result = try layer(.init(features: part, initialSlots: initial.slice(range)))
    let table = try gradients(of: result, cotangent: cotangent.slice(range))
    return (result, table[part], table)
  }

  return Case {
    var exchange = Exchange()
    exchange.settings = [
      "features": "\(width)", "width": "\(width)", "hidden": "\(hidden)",
      "iterations": "\(iterations)", "implicit": "\(implicit)",
    ]
    exchange.add(parametersOf: layer)
    exchange.add("in.features", features)
    exchange.add("in.slots", initial)
    exchange.add("in.cotangent", cotangent)
    let (result, gradient, table) = try work(0..<batch)
    exchange.add("out.slots", result)
    exchange.add("out.grad.features", gradient ?? features.zerosLike())
    exchange.add(gradients: table, of: layer)
    return exchange
  } round: {
    let parts = try Workers.mapRanges(of: batch) { try work($0).table }
    var table = Gradients()
    for part in parts { table.add(part) }
  }
}
