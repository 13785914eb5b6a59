import ArgumentParser

/// A named starting point for a configuration.
enum Preset: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// A small model for minutes on a laptop, with implicit gradients and without the published
  /// tricks.
  ///
  /// The dVAE is trained first, with one-hot tokens at temperatures that stay high, and then stays as
  /// it is. Slots start from
  /// trained vectors, to which a straight-through gradient flows; positions are small and fixed. On
  /// plain scenes, slots then find objects and background within a few thousand steps, where they
  /// otherwise divide the picture by regions.
  case quickstart
  /// The published defaults for 3D Shapes.
  case shapes3d
  /// The paper's experiments at 64 x 64, with 8 blocks, 8 heads and 4096 tokens. There is a slot
  /// for each of the up to ten objects of CLEVR, one for the background and one to spare, as in
  /// configurations of SLATE for ShapeStacks.
  case paper64 = "paper-64"
  /// The paper's experiments at 96 x 96.
  case paper96 = "paper-96"

  var configuration: RunConfiguration {
    var result = RunConfiguration()
    switch self {
    case .quickstart:
      result.imageSize = 48
      result.vocabSize = 64
      result.dvaeWidth = 48
      result.dModel = 64
      result.numSlots = 5
      result.slotSize = 64
      result.mlpHiddenSize = 128
      result.numDecBlocks = 2
      result.dropout = 0
      result.slotInit = .learned
      result.straightThrough = true
      result.posEncoding = .sinusoidal
      result.posDeviation = 0.35
      result.batchSize = 16
      result.steps = 5000
      result.dvaeSteps = 1500
      result.lrDvae = 2e-3
      result.lrMain = 1e-3
      result.lrWarmupSteps = 0
      result.clip = 0
      result.patience = 0
      result.tauSteps = 1500
      result.tauFinal = 0.5
      result.hard = true
      result.valEvery = 1000
      result.valImages = 64
    case .shapes3d:
      break
    case .paper64, .paper96:
      result.imageSize = self == .paper64 ? 64 : 96
      result.vocabSize = 4096
      result.numSlots = 12
      result.numDecBlocks = 8
      result.numHeads = 8
      result.iterations = 7
    }
    return result
  }
}
