import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// A model's size, for images of 64x64: as published for 3D Shapes, or as in the paper's experiments.
enum ModelSize {
  /// V 1024, d 192, 4 blocks, 4 heads, 3 slots, 3 iterations, dropout 0.1.
  case published
  /// V 4096, d 192, 8 blocks, 8 heads, 12 slots, 7 iterations, dropout 0.1.
  case paper

  var iterations: Int { self == .published ? 3 : 7 }

  func model() -> SLATE {
    var configuration = SLATE.Configuration()
    if self == .paper {
      configuration.vocabularySize = 4096
      configuration.decoderBlocks = 8
      configuration.heads = 8
      configuration.slotCount = 12
    }
    var generator = Philox(seed: 20)
    var model = SLATE(configuration, using: &generator)
    model.slotAttn.configure(estimator: .unrolled, stoppingRule: .evaluations(iterations))
    return model
  }
}

private let temperature = 0.7

private func exchange(
  _ model: SLATE, iterations: Int = ModelSize.published.iterations
) -> Exchange {
  let c = model.configuration
  var exchange = Exchange()
  exchange.settings = [
    "image_size": "\(c.imageSize)", "vocab_size": "\(c.vocabularySize)",
    "d_model": "\(c.modelSize)", "num_slots": "\(c.slotCount)", "slot_size": "\(c.slotSize)",
    "mlp_hidden_size": "\(c.mlpHiddenSize)", "num_dec_blocks": "\(c.decoderBlocks)",
    "num_heads": "\(c.heads)", "dropout": "\(c.dropout)", "iterations": "\(iterations)",
    "tau": "\(temperature)",
  ]
  exchange.add(parametersOf: model)
  return exchange
}

/// A training step: losses, gradients, clipping, Adam, on parts of the batch in parallel.
///
/// Checked without dropout, with given noise, in double precision; timed in single precision with both
/// drawn. The paper's size is checked with two images: more take tens of gigabytes elsewhere.
///
/// - Parameters:
///   - batch: the number of images.
///   - chunk: the images that a worker differentiates at once; nil for the model's own choice.
///   - size: the model's.
/// - Returns: the case.
/// - Throws: nothing before it is run.
func slateStep(
  batch: Int, chunk: Int? = nil, size: ModelSize = .published
) throws -> Case {
  let model = size.model()
  let configuration = model.configuration
  var generator = Philox(seed: 21)
  let image = Tensor.uniform(
    [batch, configuration.imageSize, configuration.imageSize, 3], using: &generator)

  let parameters = model.namedParameters
  var optimizer = Adam()
  var step = 0
  return Case {
    let checked = size == .paper ? 2 : batch
    var exchange = try checkedStep(of: size, batch: checked, image.slice(0..<checked))
    exchange.settings["timed_batch"] = "\(batch)"
    return exchange
  } round: {
    let seed = Philox(seed: 22).substream(UInt64(step))
    var sums = try Workers.reduceRanges(
      of: batch, inChunksOf: chunk ?? configuration.imagesOfAChunk, into: Gradients()
    ) { sum, range in
      var draws = seed.substream(0).startingAtSample(range.lowerBound)
      let context = LayerContext.training(
        noise: seed.substream(1).startingAtSample(range.lowerBound))
      let losses = try model.losses(
        of: image.slice(range),
        noise: SLATE.Noise(batch: range.count, configuration, using: &draws),
        temperature: temperature, in: context)
      try sum.add(gradientsOf: (losses.squaredError + losses.crossEntropy) / Double(batch))
    }
    var table = sums.removeFirst()
    for other in sums { table.add(other) }
    let norm = GradientNorm(of: parameters, in: table)
    optimizer.step(parameters, gradients: table, scale: norm.clippingFactor(bound: 1)) {
      $0.hasPrefix("dvae.") ? 3e-4 : 1e-4
    }
    step += 1
  }
}

/// The losses and gradients of a batch without dropout, with given noise, in double precision: in
/// single precision, gradients of the dVAE lose several digits to cancellation.
private func checkedStep(of size: ModelSize, batch: Int, _ image: Tensor) throws -> Exchange {
  let model = size.model()
  var generator = Philox(seed: 24)
  let noise = SLATE.Noise(batch: batch, model.configuration, using: &generator)
  var exchange = exchange(model, iterations: size.iterations)
  exchange.add("in.image", image)
  exchange.add("in.gumbel_relaxed", noise.gumbelRelaxed)
  exchange.add("in.gumbel_hard", noise.gumbelHard)
  exchange.add("in.slot_noise", noise.slots)
  let exact = size.model()
  exact.convertParameters(to: .float64)
  let losses = try exact.losses(
    of: image.converted(to: .float64),
    noise: SLATE.Noise(
      gumbelRelaxed: noise.gumbelRelaxed.converted(to: .float64),
      gumbelHard: noise.gumbelHard.converted(to: .float64),
      slots: noise.slots.converted(to: .float64)),
    temperature: temperature, in: .evaluation)
  let count = Double(batch)
  exchange.add("out.mse", losses.squaredError / count)
  exchange.add("out.cross_entropy", losses.crossEntropy / count)
  exchange.add(
    gradients: try gradients(of: (losses.squaredError + losses.crossEntropy) / count), of: exact)

  return exchange
}

/// Images encoded into slots and generated again, token by token.
///
/// - Parameter batch: the number of images.
/// - Returns: the case.
/// - Throws: what the model throws.
func slateReconstruction(batch: Int) throws -> Case {
  let model = ModelSize.published.model()
  let configuration = model.configuration
  var generator = Philox(seed: 23)
  let image = Tensor.uniform(
    [batch, configuration.imageSize, configuration.imageSize, 3], using: &generator)
  let noise = Tensor.normal(
    [batch, configuration.slotCount, configuration.slotSize], using: &generator)
  let reconstruct = {
    try Workers.mapRanges(of: batch) { range in
      try model.reconstruct(image.slice(range), slotNoise: noise.slice(range)).image
    }
  }
  return Case {
    var exchange = exchange(model)
    exchange.add("in.image", image)
    exchange.add("in.slot_noise", noise)
    exchange.add("out.image", Tensor.concatenated(try reconstruct()))
    return exchange
  } round: {
    _ = try reconstruct()
  }
}
