import ArgumentParser
import Foundation
import ObjectCentric

/// The options that change single values of a preset.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where the values below start; default quickstart, or what is resumed or imported.",
      discussion: """
        quickstart: minutes on a laptop; shapes3d: the published defaults; paper-64 and paper-96: \
        the experiments of the paper. The options have the names of the published code. Two of it \
        are missing: --img-channels, as images always have 3, and --pos-channels, which has no \
        effect there.
        """))
  var preset: Preset?

  @Option(
    help: ArgumentHelp(
      "A JSON file with values that replace the preset's, in the form of --print-config.",
      valueName: "json"))
  var config: String?

  @Option(help: "Width and height of the images, a multiple of 4.") var imageSize: Int?
  @Option(help: "The number of different tokens.") var vocabSize: Int?
  @Option(help: "The width of embeddings and transformer.") var dModel: Int?
  @Option(help: "The number of slots.") var numSlots: Int?
  @Option(help: "The width of a slot.") var slotSize: Int?
  @Option(help: "The hidden width of slot attention's perceptron.") var mlpHiddenSize: Int?
  @Option(help: "The number of transformer blocks.") var numDecBlocks: Int?
  @Option(help: "The heads of the transformer.") var numHeads: Int?
  @Option(help: "The heads of slot attention.") var numSlotHeads: Int?
  @Option(help: "The dropout rate in training.") var dropout: Double?

  @Option(help: "Where slots start: random, or learned (a vector for each slot).")
  var slotInit: SLATE.SlotInitialization?
  @Option(help: "The deviation of the positions' initial values.") var posDeviation: Double?

  @Option(help: "How slot attention is differentiated: \(GradientChoice.forms).")
  var gradient: GradientChoice?
  @Option(help: "How its fixed point is found: \(SolverChoice.forms).")
  var solver: SolverChoice?
  @Option(help: "The relative residual at which a solve ends; 0: always --iterations.")
  var tolerance: Double?
  @Flag(
    inversion: .prefixedNo,
    help: "Differentiate the last of the --iterations, not one more application (implicit only).")
  var lastIsDifferentiated: Bool?
  @Flag(
    inversion: .prefixedNo,
    help: "Hand implicit gradients to the initial slots, as if the solve were the identity.")
  var straightThrough: Bool?
  @Option(
    name: [.customLong("iterations"), .customLong("num-iterations")],
    help: "How often slot attention is applied before the gradient is taken.")
  var iterations: Int?

  @Option(help: "Images in a step.") var batchSize: Int?
  @Option(help: "Batches whose gradients are averaged for a step.") var accumulate: Int?
  @Option(help: "The number of steps.") var steps: Int?
  @Option(help: "Decides weights, order, noise and generated scenes.") var seed: UInt64?
  @Option(help: "The dVAE's learning rate.") var lrDvae: Double?
  @Option(help: "The learning rate of all other parameters.") var lrMain: Double?
  @Option(help: "Steps of linear warm-up of --lr-main; 0: none.") var lrWarmupSteps: Int?
  @Option(help: "Bound on the gradient's infinity norm; 0: no clipping.") var clip: Double?
  @Option(help: "Epochs without improvement until the rates are halved; 0: never.")
  var patience: Int?
  @Option(help: "The first temperature of the relaxed tokens.") var tauStart: Double?
  @Option(help: "The last temperature.") var tauFinal: Double?
  @Option(help: "Steps from the first temperature to the last.") var tauSteps: Int?
  @Flag(inversion: .prefixedNo, help: "Make relaxed tokens one-hot, straight-through.")
  var hard: Bool?
  @Option(help: "Steps between validations; 0: once an epoch.") var valEvery: Int?
  @Option(help: "The most images that a validation looks at.") var valImages: Int?
  @Option(
    help: """
      Steps between measurements of spectral norm, residual and the gradient's cosine to the exact \
      one; 0: none.
      """)
  var probeEvery: Int?

  /// The values of a preset, or of a run that is resumed, with those of the configuration file and
  /// then those of the options in their place.
  ///
  /// - Throws: `ConfigurationError` for a value that makes no sense, `RunError` for a file that
  ///   cannot be read.
  func resolved(from run: RunConfiguration? = nil) throws -> RunConfiguration {
    var result = preset?.configuration ?? run ?? Preset.quickstart.configuration
    if let config { result = try result.replacing(withFile: config) }
    func set<Value>(_ path: WritableKeyPath<RunConfiguration, Value>, _ value: Value?) {
      if let value { result[keyPath: path] = value }
    }
    set(\.imageSize, imageSize)
    set(\.vocabSize, vocabSize)
    set(\.dModel, dModel)
    set(\.numSlots, numSlots)
    set(\.slotSize, slotSize)
    set(\.mlpHiddenSize, mlpHiddenSize)
    set(\.numDecBlocks, numDecBlocks)
    set(\.numHeads, numHeads)
    set(\.numSlotHeads, numSlotHeads)
    set(\.dropout, dropout)
    set(\.slotInit, slotInit)
    set(\.posDeviation, posDeviation)
    set(\.gradient, gradient)
    set(\.solver, solver)
    set(\.tolerance, tolerance)
    set(\.lastIsDifferentiated, lastIsDifferentiated)
    set(\.straightThrough, straightThrough)
    if gradient != nil, straightThrough == nil { result.dropMeaninglessStraightThrough() }
    set(\.iterations, iterations)
    set(\.batchSize, batchSize)
    set(\.accumulate, accumulate)
    set(\.steps, steps)
    set(\.seed, seed)
    set(\.lrDvae, lrDvae)
    set(\.lrMain, lrMain)
    set(\.lrWarmupSteps, lrWarmupSteps)
    set(\.clip, clip)
    set(\.patience, patience)
    set(\.tauStart, tauStart)
    set(\.tauFinal, tauFinal)
    set(\.tauSteps, tauSteps)
    set(\.hard, hard)
    set(\.valEvery, valEvery)
    set(\.valImages, valImages)
    set(\.probeEvery, probeEvery)
    return try result.validated()
  }
}

extension SLATE.SlotInitialization: ExpressibleByArgument {}

extension RunConfiguration {
  fileprivate func replacing(withFile path: String) throws -> RunConfiguration {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RunError(
        path: path, reason: "the configuration cannot be read",
        remedy: "check the path; --print-config prints such a file")
    }
    return try replacing(withJSON: data, path: path)
  }
}
