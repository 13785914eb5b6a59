import Tensors

extension Trainer {
  /// Takes a few steps, and reports which operators their time went to.
  ///
  /// The first steps, which take memory from the system, are not measured.
  ///
  /// If the dVAE is trained first, its steps and the later ones get separate profiles.
  ///
  /// - Returns: a summary, and a table by operator.
  /// - Throws: what `advance` throws.
  mutating func profileOfSteps() throws -> String {
    guard configuration.trainedPart(at: progress.step) == .autoencoder else {
      return try profileOfNextSteps()
    }
    let autoencoder = try profileOfNextSteps()
    skipAutoencoder()
    return "the dVAE: \(autoencoder)\nall else: \(try profileOfNextSteps())"
  }

  /// The steps before those that are measured, and these.
  private static let unmeasured = 2, measured = 5
  /// How many steps of the dVAE alone its profile takes.
  static let profiledSteps = unmeasured + measured

  private mutating func profileOfNextSteps() throws -> String {
    for _ in 0..<Self.unmeasured { _ = try advance() }
    let steps = Self.measured
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
