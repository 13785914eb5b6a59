import Foundation
import Images
import ImplicitLayers
import ObjectCentric

/// All values that decide what a training run computes, apart from the images.
///
/// The names are those of the published code; files write them in snake case (`vocab_size`), and
/// the command line in kebab case (`--vocab-size`).
struct RunConfiguration: Codable, Equatable, Sendable {
  var imageSize = 64
  var vocabSize = 1024
  /// The number of channels of the dVAE's features.
  var dvaeWidth = 64
  var dModel = 192
  var numSlots = 3
  var slotSize = 192
  var mlpHiddenSize = 192
  var numDecBlocks = 4
  var numHeads = 4
  var numSlotHeads = 1
  var dropout = 0.1

  var slotInit = SLATE.SlotInitialization.random
  var posEncoding = SLATE.PositionEncoding.learned
  /// The standard deviation of the position vectors; for trained positions, at the beginning of
  /// training.
  var posDeviation = 1.0

  var solver = SolverChoice.iteration
  /// The relative residual at which the solve of an image ends; 0 for a fixed number of
  /// `iterations`.
  var tolerance = 0.0
  /// The number of applications of the cell before the gradient is taken; with a tolerance, the
  /// largest number.
  var iterations = 3
  var gradient = GradientChoice.implicit
  /// Whether the application that an implicit gradient differentiates is the last of the
  /// `iterations`, instead of one more.
  var lastIsDifferentiated = false
  /// Whether implicit gradients are also passed on to the initial slots, as if the solve were the
  /// identity.
  var straightThrough = false

  var batchSize = 50
  /// The number of batches whose gradients are averaged for a step.
  var accumulate = 1
  var steps = 250_000
  var seed: UInt64 = 0
  var lrDvae = 3e-4
  var lrMain = 1e-4
  /// The number of steps of linear warm-up of `lrMain`; 0 switches it off.
  var lrWarmupSteps = 30_000
  /// The bound on the gradient's infinity norm, by which gradients are clipped; 0 switches clipping
  /// off.
  var clip = 1.0
  /// The number of epochs without a better validation loss after which both rates are halved; 0
  /// switches this off.
  var patience = 4
  /// The number of first steps in which only the dVAE is trained; after them it stays as it is.
  ///
  /// 0 trains all parts together, as published.
  var dvaeSteps = 0
  var tauStart = 1.0
  var tauFinal = 0.1
  var tauSteps = 30_000
  /// Whether relaxed tokens are made one-hot, with a straight-through gradient.
  var hard = false

  /// The number of steps between validations; 0 for one validation per epoch.
  var valEvery = 0
  /// The largest number of images of a validation.
  var valImages = 256
  /// The number of steps between measurements of the slots' fixed point and of the gradient's
  /// error; 0 for none.
  var probeEvery = 0

  /// The upper bound of every count of steps, epochs or images.
  static let largestCount = 1 << 40

  /// The upper bound of a tensor's number of elements: 256 GiB in single precision.
  private static let mostElements = 0x1p36

  /// The extents of the largest tensors, each with an option that determines it.
  private var largeTensors: [(option: String, value: Int, extents: [Int])] {
    let tokens = (imageSize / 4) * (imageSize / 4) + 1
    let width = max(vocabSize, 4 * dModel)
    return [
      ("vocab-size", vocabSize, [vocabSize + 1, max(dModel, dvaeWidth)]),
      ("dvae-width", dvaeWidth, [4 * dvaeWidth, 9 * dvaeWidth]),
      ("d-model", dModel, [4 * dModel, max(dModel, slotSize)]),
      ("slot-size", slotSize, [3 * slotSize, max(slotSize, mlpHiddenSize)]),
      ("mlp-hidden-size", mlpHiddenSize, [batchSize, numSlots, mlpHiddenSize]),
      ("num-slots", numSlots, [batchSize, numSlots, max(slotSize, numSlotHeads * tokens)]),
      ("num-heads", numHeads, [batchSize, numHeads, tokens, tokens]),
      ("batch-size", batchSize, [batchSize, tokens, max(width, 16 * dvaeWidth)]),
    ]
  }

  /// The sizes of the model.
  var model: SLATE.Configuration {
    var model = SLATE.Configuration()
    model.imageSize = imageSize
    model.vocabularySize = vocabSize
    model.autoencoderWidth = dvaeWidth
    model.modelSize = dModel
    model.slotCount = numSlots
    model.slotSize = slotSize
    model.mlpHiddenSize = mlpHiddenSize
    model.decoderBlocks = numDecBlocks
    model.heads = numHeads
    model.slotHeads = numSlotHeads
    model.dropout = dropout
    model.slotInitialization = slotInit
    model.positionDeviation = posDeviation
    model.positionEncoding = posEncoding
    return model
  }

  /// The names of the values that `model` depends on, as files have them.
  static let namesOfModel = [
    "image_size", "vocab_size", "dvae_width", "d_model", "num_slots", "slot_size",
    "mlp_hidden_size", "num_dec_blocks", "num_heads", "num_slot_heads", "dropout", "slot_init",
    "pos_deviation", "pos_encoding",
  ]

  /// Checks every value.
  ///
  /// - Throws: `ConfigurationError` naming the first option whose value makes no sense.
  func validated() throws -> RunConfiguration {
    func require(_ condition: Bool, _ option: String, _ value: Any, _ rule: String) throws {
      if !condition { throw ConfigurationError(option: option, value: "\(value)", rule: rule) }
    }
    try require(
      imageSize % 4 == 0 && (8...1024).contains(imageSize), "image-size", imageSize,
      "a multiple of 4 between 8 and 1024")
    let sizes = [
      ("vocab-size", vocabSize), ("dvae-width", dvaeWidth), ("d-model", dModel),
      ("slot-size", slotSize), ("mlp-hidden-size", mlpHiddenSize),
      ("num-dec-blocks", numDecBlocks), ("num-heads", numHeads),
      ("num-slot-heads", numSlotHeads), ("iterations", iterations), ("batch-size", batchSize),
      ("accumulate", accumulate), ("val-images", valImages),
    ]
    for (option, value) in sizes {
      try require(
        (1...1_000_000).contains(value), option, value, "a positive number, at most 1000000")
    }
    let mostSlots = Int(SegmentationMask.ignored) - 1
    try require(
      (1...mostSlots).contains(numSlots), "num-slots", numSlots,
      "a positive number, at most \(mostSlots): masks number slots with 16 bits")
    for (option, value) in [
      ("steps", steps), ("lr-warmup-steps", lrWarmupSteps), ("patience", patience),
      ("tau-steps", tauSteps), ("dvae-steps", dvaeSteps), ("val-every", valEvery),
      ("probe-every", probeEvery),
    ] {
      try require(
        (0...RunConfiguration.largestCount).contains(value), option, value,
        "between 0 and \(RunConfiguration.largestCount)")
    }
    try require(
      dModel % numHeads == 0, "num-heads", numHeads, "a divisor of --d-model \(dModel)")
    try require(
      slotSize % numSlotHeads == 0, "num-slot-heads", numSlotHeads,
      "a divisor of --slot-size \(slotSize)")
    try require((0..<1).contains(tolerance), "tolerance", tolerance, "in [0, 1)")
    try require(
      !straightThrough || gradient.isImplicit, "straight-through", true,
      "left out with --gradient \(gradient), which reaches the initial slots by itself")
    try require(
      !gradient.needsInverse || solver.learnsInverse, "gradient", gradient,
      "used with --solver broyden, whose inverse it reuses; --solver is \(solver)")
    try require(
      !gradient.needsPairs || solver.isReversible, "gradient", gradient,
      "used with --solver paired, whose steps it undoes; --solver is \(solver)")
    try require(
      !lastIsDifferentiated || iterations >= 2, "last-is-differentiated", true,
      "left out unless there are at least 2 --iterations")
    try require((0..<1).contains(dropout), "dropout", dropout, "in [0, 1)")
    for (option, value) in [("tau-start", tauStart), ("tau-final", tauFinal)] {
      try require((1e-6...1e6).contains(value), option, value, "between 1e-6 and 1e6")
    }
    try require(
      (0...1e6).contains(posDeviation), "pos-deviation", posDeviation, "between 0 and 1e6")
    for (option, value) in [("lr-dvae", lrDvae), ("lr-main", lrMain), ("clip", clip)] {
      try require(value >= 0 && value.isFinite, option, value, "a finite number, 0 or more")
    }
    for (option, value, factors) in largeTensors {
      let elements = factors.reduce(1.0) { $0 * Double($1) }
      try require(
        elements <= RunConfiguration.mostElements, option, value,
        "smaller: with the other sizes, a tensor would have \(elements.short) elements")
    }
    return self
  }

  /// Switches a preset's straight-through gradient off if a gradient was chosen that is not
  /// implicit.
  mutating func dropMeaninglessStraightThrough() {
    straightThrough = straightThrough && gradient.isImplicit
  }

  /// Chooses how slot attention is solved and differentiated.
  func apply(to model: inout SLATE) {
    let adjoint = gradient.estimator.adjoint
    let isOneMore = adjoint != nil && !lastIsDifferentiated
    model.slotAttn.configure(
      solver: solver.solver,
      estimator: straightThrough
        ? adjoint.map { StraightThrough($0) } ?? gradient.estimator : gradient.estimator,
      // With a tolerance, the differentiated application is always one more.
      stoppingRule: tolerance > 0
        ? .tolerance(
          relative: tolerance, limit: adjoint == nil || isOneMore ? iterations : iterations - 1,
          onFailure: .keeping)
        : .evaluations(isOneMore ? iterations + 1 : iterations))
  }
}

/// The error that the value of an option makes no sense.
struct ConfigurationError: Error, CustomStringConvertible {
  let option: String
  let value: String
  let rule: String

  var description: String { "--\(option) \(value): it must be \(rule)" }
}

// MARK: - Files

extension RunConfiguration {
  /// The values that were added to the configuration later, with their meaning for older runs: what
  /// these were trained with.
  static var laterValues: [String: Any] {
    ["dvaeSteps": 0, "dvaeWidth": 64, "posEncoding": "learned"]
  }

  /// The configuration as JSON, in snake case.
  func json() throws -> String { try snakeCaseJSON(self) }

  /// This configuration with the values of a JSON object, found by their names.
  ///
  /// In a complete file of an older version, values that were added later have the meaning that
  /// they had at that time.
  ///
  /// - Throws: `RunError` naming the file when it is not an object, has an unknown name, or a value
  ///   of the wrong kind; `ConfigurationError` for a value that makes no sense.
  func replacing(withJSON data: Data, path: String) throws -> RunConfiguration {
    func refused(_ reason: String) -> RunError {
      RunError(
        path: path, reason: reason,
        remedy: "`slate train --print-config` prints a complete file; any part of it will do")
    }
    guard data.count <= SmallFile.sizeLimit else {
      throw refused(
        "it has \(data.count) bytes, more than the \(SmallFile.sizeLimit) that are read")
    }
    let object: Any
    do {
      object = try JSONSerialization.jsonObject(with: data)
    } catch {
      let reason = (error as NSError).userInfo["NSDebugDescription"] as? String
      throw refused("it is no JSON (\(reason?.withoutFullStop ?? error.localizedDescription))")
    }
    guard var changes = object as? [String: Any] else {
      throw refused("it is JSON, but no object {...} of names and values")
    }
    guard
      let values = try JSONSerialization.jsonObject(with: Data(json().utf8)) as? [String: Any]
    else { throw refused("the configuration cannot be written as JSON") }
    // A file that has all values of an older version was written by a run of that version, and is
    // complete.
    let later = Dictionary(
      uniqueKeysWithValues: RunConfiguration.laterValues.map { ($0.inSnakeCase, $1) })
    if values.keys.allSatisfy({ changes[$0] != nil || later[$0] != nil }) {
      changes.merge(later) { value, _ in value }
    }
    if let name = changes.keys.sorted().first(where: { values[$0] == nil }) {
      throw refused("it has the unknown name '\(name)'")
    }
    func decoded(_ changes: [String: Any]) throws -> RunConfiguration {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(
        RunConfiguration.self,
        from: JSONSerialization.data(withJSONObject: values.merging(changes) { $1 }))
    }
    do {
      var result = try decoded(changes)
      if changes["gradient"] != nil, changes["straight_through"] == nil {
        result.dropMeaninglessStraightThrough()
      }
      return try result.validated()
    } catch let error as DecodingError {
      // For a number that does not fit its type, the decoder does not say which one it is.
      for (name, value) in changes.sorted(by: { $0.key < $1.key })
      where error.codingPath.isEmpty && (try? decoded([name: value])) == nil {
        throw refused("'\(name)' cannot be \(value)")
      }
      throw refused(error.shortDescription)
    }
  }
}

extension DecodingError {
  /// The keys that lead to the wrong value, if the decoder knows them.
  fileprivate var codingPath: [any CodingKey] {
    switch self {
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .keyNotFound(_, let context), .dataCorrupted(let context):
      context.codingPath
    @unknown default: []
    }
  }

  /// The key and its fault in words, without internals of the decoder.
  var shortDescription: String {
    switch self {
    case .keyNotFound(let key, _): "the key '\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .dataCorrupted(let context):
      (context.codingPath.last.map { "'\($0.stringValue.inSnakeCase)': " } ?? "")
        + context.debugDescription.withoutFullStop
    @unknown default: "\(self)"
    }
  }
}

extension String {
  fileprivate var withoutFullStop: String { hasSuffix(".") ? String(dropLast()) : self }

  /// The name of a value in files: dModel -> d_model.
  fileprivate var inSnakeCase: String {
    map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
  }
}
