import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Slot attention without gates and norms, of four slots of three numbers and seven tokens.
private struct SlotCell {
  let keys: Tensor, values: Tensor, queries: Tensor

  init(seed: Int) {
    keys = testTensor([7, 3], seed: seed)
    values = testTensor([7, 3], seed: seed + 1000)
    queries = testTensor([3, 3], seed: seed + 2000, scale: 1.5)
  }

  /// [batch, 12] to [batch, 12].
  func image(_ z: Tensor) -> Tensor {
    let batch = z.shape[0]
    let slots = z.reshaped([batch, 4, 3])
    let logits = slots.matmul(queries).matmul(keys, transposingOther: true)
    // Tokens share themselves among slots; slots then average their tokens.
    let shares = logits.transposed().softmax()
    let averages = shares / (shares.sum(alongAxis: 1, keepingAxis: true) + 1e-8)
    return averages.transposed().matmul(values).reshaped([batch, 12])
  }
}

/// How far the automatic solver reaches: wherever one of its methods does.
@Suite struct AutomaticReachTests {
  @Test("it solves every slot-attention cell that Picard iteration solves, of 300 starts")
  func slotCells() throws {
    let rule = StoppingRule.tolerance(relative: 1e-6, limit: 1000)
    var solved = 0
    for seed in 0..<30 {
      let cell = SlotCell(seed: seed)
      let start = testTensor([10, 12], seed: seed + 3000, scale: 2)
      let picard = try Picard().solve(cell.image, from: start, until: rule).report
      let report = try Automatic().solve(cell.image, from: start, until: rule).report
      for sample in picard.samples(.converged) {
        solved += 1
        #expect(
          report.samples[sample].outcome == .converged, "seed \(seed): \(report.samples[sample])")
      }
    }
    #expect(solved >= 250, "\(solved)")
  }

  @Test(
    "powers that throw plain iteration far away are solved",
    arguments: [(100.0, 5, 3.0), (1, 3, 20)])
  func powers(_ scale: Double, _ power: Int, _ start: Double) throws {
    let report = try Automatic().solve(
      { z in
        let product = (1..<power).reduce(z) { product, _ in product * z }
        return z - (product - 1) * scale
      }, from: Tensor([start], shape: [1, 1], dtype: .float64),
      until: .tolerance(relative: 1e-10, limit: 200)
    ).report
    #expect(report.converged, "\(report) \(report.samples[0].remarks)")
  }

  @Test("a layer norm of a rectifier is solved")
  func rectifier() throws {
    let problem = try #require(
      PublishedProblem.all.first { $0.name == "layer norm of a rectifier" })
    #expect(try problem.attempt(with: .automatic).isSolved)
  }

  @Test("it solves each published problem that one of its methods solves")
  func union() throws {
    for problem in PublishedProblem.all {
      let isSolved = try Automatic().methods.contains { try problem.attempt(with: $0).isSolved }
      let attempt = try problem.attempt(with: .automatic)
      #expect(attempt.isSolved || !isSolved, "\(problem): \(attempt)")
    }
  }

  @Test(
    "truncated unrolling is that of each sample alone, and of plain unrolling where it is whole")
  func truncation() throws {
    let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-10, limit: 200)
    func gradient(_ numbers: [Double], _ estimator: any BackwardEstimator) throws -> [Double] {
      let theta = Tensor(numbers, shape: [numbers.count, 1], dtype: .float64).variable()
      let solution = try estimator.solution(
        of: FixedPointMap { z in (theta * z).tanh() + 0.1 }, from: theta.detached().zerosLike(),
        using: .automatic, until: rule)
      #expect(solution.report.converged)
      return try #require(try gradients(of: solution.value.sum())[theta]).scalars
    }
    let both = try gradient([0.2, 0.99], .unrolled(lastSteps: 2))
    #expect(
      both
        == (try gradient([0.2], .unrolled(lastSteps: 2)) + gradient([0.99], .unrolled(lastSteps: 2)))
    )
    #expect(both == (try gradient([0.2, 0.99], .unrolled(lastSteps: 2, keeping: .squareRoot))))
    let all = try gradient([0.2, 0.99], .unrolled)
    let whole = try gradient([0.2, 0.99], .unrolled(lastSteps: 200))
    // Truncated, the last application is one at the returned iterate: one more than of all steps.
    for (one, other) in zip(all, whole) { #expect(abs(one - other) <= 1e-7 * abs(one)) }
    #expect(zip(both, all).allSatisfy { $0 != $1 })
  }

  @Test("NaN in a row of a map that cannot be restricted changes no bit of the others")
  func poisonedRow() throws {
    let results = try [Double.nan, 0.3].map { middle in
      try Automatic().solve(
        { z in (z * log(3.0)).tanh() },
        from: Tensor([0.4, middle, -0.2], shape: [3, 1], dtype: .float64),
        until: .tolerance(relative: 1e-14, limit: 500))
    }
    for row in [0, 2] {
      #expect(results[0].report.samples[row].outcome == .converged, "\(results[0].report)")
      #expect(results[0].value.scalars[row] == results[1].value.scalars[row])
      #expect(results[0].report.samples[row] == results[1].report.samples[row])
    }
    #expect(results[0].report.samples[1].outcome == .nonFinite)
  }
}
