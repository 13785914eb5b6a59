import Tensors

extension Trainer {
  /// Takes a few steps and says where their time went.
  ///
  /// The first steps, in which memory is taken from the system, are not measured.
  ///
  /// Where the dVAE is trained first, its steps and those after them are two profiles.
  ///
  /// - Returns: a summary, and a table by operator.
  /// - Throws: as `advance`.
  mutating func profileOfSteps() throws -> String {
    guard configuration.trainedPart(at: progress.step) == .autoencoder else {
      return try profileOfNextSteps()
    }
    let autoencoder = try profileOfNextSteps()
    skipAutoencoder()
    return "the dVAE: \(autoencoder)\nall else: \(try profileOfNextSteps())"
  }

  private mutating func profileOfNextSteps() throws -> String {
    for _ in 0..<2 { _ = try advance() }
    let steps = 5
    let start = ContinuousClock.now
    let profile = try Profile.measuring { for _ in 0..<steps { _ = try advance() } }.profile
    let seconds = start.duration(to: .now) / .seconds(1)
    let images = Double(steps * configuration.batchSize * configuration.accumulate)
    return """
      \(steps) steps of \(configuration.batchSize * configuration.accumulate) images on \
      \(Workers.count) workers: \((1000 * seconds / Double(steps)).short) ms a step, \
      \((images / seconds).short) images/s, \((profile.operations / seconds / 1e9).short) Gflop/s \
      in products
      times are summed over the workers
      \(profile)
      """
  }
}
