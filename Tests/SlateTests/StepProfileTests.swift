import ObjectCentric
import Tensors
import Testing

@testable import slate

/// What `slate train --profile` reports of a few steps.
///
/// Each test has a process of its own, because a profile measures all threads of one.
@Suite struct StepProfileTests {
  private static func trainer(dvaeSteps: Int = 0) throws -> Trainer {
    let configuration = try RunConfiguration.tiny {
      ($0.batchSize, $0.accumulate, $0.steps, $0.dvaeSteps) = (3, 2, 40, dvaeSteps)
    }
    let data = GeneratedScenes(imageSize: 16, training: 30, held: 4)
    return try Trainer(
      configuration, loader: BatchLoader(data, batchSize: 3, seed: 1, dropsLast: true))
  }

  /// The matrix products of the next step, and the operations in them.
  private static func products(_ trainer: inout Trainer) throws -> (calls: Int, operations: Double)
  {
    let profile = try Profile.measuring { _ = try trainer.advance() }.profile
    let rows = profile.rows.filter { $0.name == "product" }
    return (rows.reduce(0) { $0 + $1.calls }, profile.operations)
  }

  private static func expect(
    _ report: Substring, calls: Int, operations: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      report.contains("5 steps of 6 images on 2 workers: "), "\(report)",
      sourceLocation: sourceLocation)
    let summary = try #require(
      report.firstMatch(of: /: (\S+) ms a step, (\S+) images\/s, (\S+) Gflop/), "\(report)",
      sourceLocation: sourceLocation)
    // Numbers have five digits.
    let seconds = try #require(Double(summary.1)) / 1000
    let rate = try #require(Double(summary.2))
    #expect(abs(rate * seconds - 6) < 6e-4, "\(report)", sourceLocation: sourceLocation)
    let gigaflops = try #require(Double(summary.3))
    #expect(
      abs(gigaflops * 1e9 * seconds - operations) < 1e-3 * operations, "\(report)",
      sourceLocation: sourceLocation)
    // The first steps are not among those that are counted.
    let counted = report.split(separator: "\n").filter { $0.contains("  product") }
      .compactMap { line in line.split(separator: " ").dropFirst(2).first.flatMap { Int($0) } }
    #expect(counted.reduce(0, +) == 5 * calls, "\(report)", sourceLocation: sourceLocation)
  }

  @Test("times, rates and calls are those of five steps after the first two")
  func wholeModel() async {
    await #expect(processExitsWith: .success) {
      Workers.count = 2
      var trainer = try StepProfileTests.trainer()
      let report = try trainer.profileOfSteps()
      #expect(trainer.progress.step == 7)
      let (calls, operations) = try StepProfileTests.products(&trainer)
      #expect(calls > 0)
      try StepProfileTests.expect(report[...], calls: calls, operations: operations)
      #expect(report.contains("\ntimes are summed over the workers\n  share"))
    }
  }

  @Test("steps that train the dVAE first are apart from those after them")
  func autoencoderFirst() async {
    await #expect(processExitsWith: .success) {
      Workers.count = 2
      var trainer = try StepProfileTests.trainer(dvaeSteps: 20)
      let report = try trainer.profileOfSteps()
      #expect(trainer.progress.step == 27)
      let parts = report.components(separatedBy: "\nall else: ")
      try #require(parts.count == 2 && parts[0].hasPrefix("the dVAE: 5 steps"), "\(report)")
      let rest = try StepProfileTests.products(&trainer)
      var other = try StepProfileTests.trainer(dvaeSteps: 20)
      let first = try StepProfileTests.products(&other)
      #expect(first.calls != rest.calls)
      try StepProfileTests.expect(
        parts[0][...], calls: first.calls, operations: first.operations)
      try StepProfileTests.expect(parts[1][...], calls: rest.calls, operations: rest.operations)
    }
  }

  @Test("a dVAE that is trained for fewer steps than are measured is measured alone all the same")
  func fewSteps() throws {
    let outcome = try SlateProgram.trainTiny("--profile", "--dvae-steps", "2", out: nil)
    let parts = outcome.output.components(separatedBy: "\nall else: ")
    try #require(parts.count == 2, "\(outcome.output) \(outcome.errors)")
    #expect(!parts[0].contains("layerNorm"))
    #expect(parts[1].contains("layerNorm"))
  }
}
