@testable import slate

extension RunConfiguration {
  /// A configuration of a model that is small enough for exact comparisons.
  static func tiny(_ change: (inout RunConfiguration) -> Void = { _ in }) throws -> RunConfiguration
  {
    var result = RunConfiguration()
    (result.imageSize, result.vocabSize, result.dModel) = (16, 9, 8)
    (result.numSlots, result.slotSize, result.mlpHiddenSize) = (3, 6, 10)
    (result.numDecBlocks, result.numHeads) = (1, 2)
    change(&result)
    return try result.validated()
  }
}
