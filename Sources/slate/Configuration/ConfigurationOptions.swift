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
        the experiments of the paper. --preset NAME --print-config prints its values. The options \
        have the names of the published code; two of those are missing: --img-channels, as images \
        always have 3, and --pos-channels, which has no effect there.
        """))
  var preset: Preset?

  @Option(
    help: ArgumentHelp(
      "A JSON file with values that replace the preset's, in the form of --print-config.",
      valueName: "json"))
  var config: String?

  @Option(help: .of("Width and height of the images, a multiple of 4", \.imageSize, "pixels"))
  var imageSize: Int?
  @Option(help: .of("The number of different tokens", \.vocabSize, "count"))
  var vocabSize: Int?
  @Option(help: .of("The channels of the dVAE's features", \.dvaeWidth, "count"))
  var dvaeWidth: Int?
  @Option(help: .of("The width of embeddings and transformer", \.dModel, "width"))
  var dModel: Int?
  @Option(help: .of("The number of slots", \.numSlots, "count"))
  var numSlots: Int?
  @Option(help: .of("The width of a slot", \.slotSize, "width"))
  var slotSize: Int?
  @Option(help: .of("The hidden width of slot attention's perceptron", \.mlpHiddenSize, "width"))
  var mlpHiddenSize: Int?
  @Option(help: .of("The number of transformer blocks", \.numDecBlocks, "count"))
  var numDecBlocks: Int?
  @Option(help: .of("The heads of the transformer, a divisor of --d-model", \.numHeads, "count"))
  var numHeads: Int?
  @Option(
    help: .of(
      "The heads of slot attention, a divisor of --slot-size", \.numSlotHeads, "count"))
  var numSlotHeads: Int?
  @Option(help: .of("The dropout rate in training", \.dropout, "rate"))
  var dropout: Double?

  @Option(
    help: .of(
      "Where slots start: drawn for each image (random), or a vector for each slot (learned)",
      \.slotInit, "start"))
  var slotInit: SLATE.SlotInitialization?
  @Option(
    help: .of(
      """
      Where positions come from: trained vectors (learned), or waves that stay as they are \
      (sinusoidal)
      """, \.posEncoding, "encoding"))
  var posEncoding: SLATE.PositionEncoding?
  @Option(help: .of("The deviation of the positions' (initial) values", \.posDeviation, "value"))
  var posDeviation: Double?

  @Option(
    help: .of("How slot attention is differentiated: \(GradientChoice.forms)", \.gradient, "form"),
    transform: GradientChoice.init(written:))
  var gradient: GradientChoice?
  @Option(
    help: .of("How its fixed point is found: \(SolverChoice.forms)", \.solver, "form"),
    transform: SolverChoice.init(written:))
  var solver: SolverChoice?
  @Option(
    help: .of(
      "The relative residual at which a solve ends, or 0 for always --iterations", \.tolerance,
      "residual"))
  var tolerance: Double?
  @Flag(
    inversion: .prefixedNo,
    help: .of(
      "Differentiate the last of the --iterations, not one more application (implicit only)",
      \.lastIsDifferentiated))
  var lastIsDifferentiated: Bool?
  @Flag(
    inversion: .prefixedNo,
    help: .of(
      "Hand implicit gradients to the initial slots, as if the solve were the identity",
      \.straightThrough))
  var straightThrough: Bool?
  @Option(
    name: [.customLong("iterations"), .customLong("num-iterations")],
    help: .of(
      "How often slot attention is applied before the gradient is taken", \.iterations, "count"))
  var iterations: Int?

  @Option(help: .of("Images in a step", \.batchSize, "count"))
  var batchSize: Int?
  @Option(help: .of("Batches whose gradients are averaged for a step", \.accumulate, "count"))
  var accumulate: Int?
  @Option(help: .of("The number of steps", \.steps, "count"))
  var steps: Int?
  @Option(help: .of("Decides weights, order, noise and generated scenes", \.seed, "number"))
  var seed: UInt64?
  @Option(help: .of("The dVAE's learning rate", \.lrDvae, "rate"))
  var lrDvae: Double?
  @Option(help: .of("The learning rate of all other parameters", \.lrMain, "rate"))
  var lrMain: Double?
  @Option(
    help: .of(
      "Steps of linear warm-up of --lr-main, or 0 for none", \.lrWarmupSteps, "count"))
  var lrWarmupSteps: Int?
  @Option(help: .of("Bound on the gradient's infinity norm, or 0 for no clipping", \.clip, "bound"))
  var clip: Double?
  @Option(
    help: .of(
      "Epochs without improvement until the rates are halved, or 0 for never", \.patience, "count"))
  var patience: Int?
  @Option(
    help: .of(
      """
      First steps in which the dVAE is trained alone, then kept as it is; or 0 to train all together
      """, \.dvaeSteps, "count"))
  var dvaeSteps: Int?
  @Option(help: .of("The first temperature of the relaxed tokens", \.tauStart, "value"))
  var tauStart: Double?
  @Option(help: .of("The last temperature", \.tauFinal, "value"))
  var tauFinal: Double?
  @Option(help: .of("Steps from the first temperature to the last", \.tauSteps, "count"))
  var tauSteps: Int?
  @Flag(
    inversion: .prefixedNo, help: .of("Make relaxed tokens one-hot, straight-through", \.hard))
  var hard: Bool?
  @Option(help: .of("Steps between validations, or 0 for once an epoch", \.valEvery, "count"))
  var valEvery: Int?
  @Option(help: .of("The most images that a validation looks at", \.valImages, "count"))
  var valImages: Int?
  @Option(
    help: .of(
      """
      Steps between measurements of spectral norm, residual and the gradient's cosine to the exact \
      one, or 0 for none
      """, \.probeEvery, "count"))
  var probeEvery: Int?

  /// The values of a preset or of a resumed run, replaced by those of the configuration file and
  /// then by those of the options.
  ///
  /// - Throws: `ConfigurationError` for a value that makes no sense; `RunError` for a file that
  ///   cannot be read.
  func resolved(from run: RunConfiguration? = nil) throws -> RunConfiguration {
    var result = preset?.configuration ?? run ?? Preset.quickstart.configuration
    if let config { result = try result.replacing(withFile: config) }
    func set<Value>(_ path: WritableKeyPath<RunConfiguration, Value>, _ value: Value?) {
      if let value { result[keyPath: path] = value }
    }
    set(\.imageSize, imageSize)
    set(\.vocabSize, vocabSize)
    set(\.dvaeWidth, dvaeWidth)
    set(\.dModel, dModel)
    set(\.numSlots, numSlots)
    set(\.slotSize, slotSize)
    set(\.mlpHiddenSize, mlpHiddenSize)
    set(\.numDecBlocks, numDecBlocks)
    set(\.numHeads, numHeads)
    set(\.numSlotHeads, numSlotHeads)
    set(\.dropout, dropout)
    set(\.slotInit, slotInit)
    set(\.posEncoding, posEncoding)
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
    set(\.dvaeSteps, dvaeSteps)
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

extension ArgumentHelp {
  /// The help of an option whose default depends on the preset: the text, followed by the value of
  /// quickstart.
  fileprivate static func of<Value>(
    _ text: String, _ path: KeyPath<RunConfiguration, Value>, _ valueName: String? = nil
  ) -> ArgumentHelp {
    let value = Preset.quickstart.configuration[keyPath: path]
    let shown =
      switch value {
      case let number as Double: number.short
      case let isOn as Bool: isOn ? "on" : "off"
      default: "\(value)"
      }
    return ArgumentHelp("\(text) (quickstart: \(shown)).", valueName: valueName)
  }
}

extension SLATE.SlotInitialization: ExpressibleByArgument {}
extension SLATE.PositionEncoding: ExpressibleByArgument {}

extension RunConfiguration {
  fileprivate func replacing(withFile path: String) throws -> RunConfiguration {
    let data = try SmallFile.contents(
      path, remedy: "give a JSON file, as --print-config prints it or config.json of a run is")
    guard let data else {
      throw RunError(
        path: path, reason: "the configuration cannot be read: there is no such file",
        remedy: "check the path; --print-config prints such a file")
    }
    return try replacing(withJSON: data, path: path)
  }
}
