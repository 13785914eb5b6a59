import ObjectCentric
import Tensors
import Testing

@testable import slate

/// A step's gradients do not depend on how its images are divided, but for rounding.
@Suite struct StepLossesTests {
  private static func configuration() throws -> RunConfiguration {
    try .tiny { ($0.numDecBlocks, $0.dropout) = (2, 0.3) }
  }

  /// Loss and gradients of seven images, in double precision.
  private static func total(
    _ configuration: RunConfiguration, inChunksOf chunk: Int, step: Int
  ) throws -> (loss: Double, gradients: [[Double]]) {
    var weights = Philox(seed: 2)
    var model = SLATE(configuration.model, using: &weights)
    model.convertParameters(to: .float64)
    configuration.apply(to: &model)
    var draws = Philox(seed: 3)
    let images = Tensor.uniform([7, 16, 16, 3], dtype: .float64, using: &draws)
    let losses = StepLosses(
      model: model, configuration: configuration, step: step, share: 1.0 / 7,
      noise: Philox(seed: 4))
    let sums = try losses.sums(over: images, first: 5, inChunksOf: chunk)
    var table = Gradients()
    for sum in sums { table.add(sum.gradients) }
    let loss = sums.reduce(0) { $0 + ($1.crossEntropy ?? 0) + ($1.squaredError ?? 0) }
    return (loss, model.namedParameters.map { table[$0.parameter.tensor]?.scalars ?? [] })
  }

  @Test("chunks of 1, 2, 3 and 5 images, with dropout and drawn tokens")
  func chunks() async {
    await #expect(processExitsWith: .success) {
      for (dvaeSteps, step) in [(0, 0), (2, 0), (2, 2)] {
        var configuration = try StepLossesTests.configuration()
        configuration.dvaeSteps = dvaeSteps
        Workers.count = 1
        let whole = try StepLossesTests.total(configuration, inChunksOf: 7, step: step)
        for (workers, chunk) in [1, 2, 3, 5].flatMap({ [(1, $0), (2, $0)] }) {
          Workers.count = workers
          let divided = try StepLossesTests.total(configuration, inChunksOf: chunk, step: step)
          let what = "dVAE for \(dvaeSteps), step \(step), \(workers) workers, chunks of \(chunk)"
          #expect(abs(divided.loss - whole.loss) <= 1e-12 * abs(whole.loss), "\(what)")
          for (own, expected) in zip(divided.gradients, whole.gradients) {
            #expect(own.count == expected.count, "\(what)")
            let size = expected.map(abs).max() ?? 0
            // Gradients that vanish by symmetry are rounding of others of size 1.
            let bound = 1e-11 * (size + 1)
            #expect(zip(own, expected).allSatisfy { abs($0 - $1) <= bound }, "\(what)")
          }
          // The same division gives the same bits.
          let again = try StepLossesTests.total(configuration, inChunksOf: chunk, step: step)
          #expect(again.loss == divided.loss && again.gradients == divided.gradients, "\(what)")
        }
      }
    }
  }
}
