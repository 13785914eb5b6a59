import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// A solve with so many iterations; what is alive afterwards, and the largest amount on the way
/// there and back, beyond what was alive before.
private func cost(
  _ estimator: any BackwardEstimator, iterations: Int, batch: Int = 4, width: Int = 6
) throws -> (bytes: Int, nodes: Int, peak: Int, gradient: [Double]) {
  let w = testTensor([width, width], scale: 1.2 / Double(width)).variable()
  let x = testTensor([batch, width], seed: 3)
  let (bytes, nodes) = (TensorMemory.liveBytes, TensorMemory.liveNodes)
  TensorMemory.resetPeak()
  let solution = try estimator.solution(
    of: FixedPointMap { z in (z.matmul(w) + x).tanh() }, from: x.zerosLike(), using: .picard(),
    until: .evaluations(iterations))
  let alive = (TensorMemory.liveBytes - bytes, TensorMemory.liveNodes - nodes)
  let gradient = try gradients(of: solution.value.square().sum())[w]?.scalars ?? []
  return (alive.0, alive.1, TensorMemory.peakBytes - bytes, gradient)
}

/// The counters are process-wide, so each of these tests has a process of its own.
@Suite struct EstimatorMemoryTests {
  @Test("implicit estimators hold the same after 1, 10 and 100 iterations")
  func constant() async {
    await #expect(processExitsWith: .success) {
      let all =
        TestedEstimator.ofAnySolver.filter { !$0.traits.contains(.remembers) }
        + TestedEstimator.tied
      for tested in all {
        let estimator = tested.make(.init(tolerance: 1e-9))
        let one = try cost(estimator, iterations: 1)
        let ten = try cost(estimator, iterations: 10)
        let hundred = try cost(estimator, iterations: 100)
        #expect(one.bytes == ten.bytes && one.bytes == hundred.bytes, "\(tested)")
        #expect(one.nodes == ten.nodes && one.nodes == hundred.nodes, "\(tested)")
        #expect(one.bytes > 0 && one.nodes > 0, "\(tested)")
      }
    }
  }

  @Test("checkpoints at every sqrt(n) steps: memory grows with sqrt(n), gradients stay")
  func squareRoot() async {
    await #expect(processExitsWith: .success) {
      let (batch, width) = (60, 12)
      let plain = try cost(.unrolled, iterations: 400, batch: batch, width: width)
      let kept = try cost(
        .unrolled(keeping: .squareRoot), iterations: 400, batch: batch, width: width)
      #expect(difference(kept.gradient, plain.gradient, relative: 1e-12) == nil)
      let plainQuarter = try cost(.unrolled, iterations: 100, batch: batch, width: width)
      let quarter = try cost(
        .unrolled(keeping: .squareRoot), iterations: 100, batch: batch, width: width)
      // Four times the steps: four times the memory of plain unrolling, twice with checkpoints.
      #expect(Double(plain.peak) > 3.5 * Double(plainQuarter.peak))
      #expect(Double(kept.peak) < 2.2 * Double(quarter.peak), "\(quarter.peak) to \(kept.peak)")
      // 20 checkpoints and 20 steps against 400, with room for what a step needs meanwhile.
      #expect(kept.peak < plain.peak / 6, "\(kept.peak) against \(plain.peak)")
    }
  }

  @Test("a truncated tape holds the last steps only")
  func truncated() async {
    await #expect(processExitsWith: .success) {
      let ten = try cost(.unrolled(lastSteps: 3), iterations: 10)
      let hundred = try cost(.unrolled(lastSteps: 3), iterations: 100)
      #expect(ten.bytes == hundred.bytes && ten.nodes == hundred.nodes)
    }
  }
}

/// Maps that cannot be recorded more often than they should be.
@Suite struct UntracedMapTests {
  /// z -> tanh(z w + x), which takes note of every recorded application.
  private func applications(
    _ estimator: any BackwardEstimator, iterations: Int
  ) throws -> (recorded: Int, all: Int) {
    let w = testTensor([5, 5], scale: 0.2).variable()
    let x = testTensor([3, 5], seed: 3)
    var (recorded, all) = (0, 0)
    let solution = try estimator.solution(
      of: FixedPointMap { z in
        all += 1
        if isRecording { recorded += 1 }
        return (z.matmul(w) + x).tanh()
      }, from: x.zerosLike(), using: .picard(), until: .evaluations(iterations))
    let table = try gradients(of: solution.value.sum())
    #expect(table[w] != nil)
    return (recorded, all)
  }

  @Test(
    "implicit estimators record one application, whatever the number of iterations",
    arguments: TestedEstimator.ofAnySolver, [1, 10, 40])
  func implicit(_ estimator: TestedEstimator, _ iterations: Int) throws {
    let count = try applications(estimator.make(.init(tolerance: 1e-9)), iterations: iterations)
    #expect(count.recorded == 1)
    #expect(count.all == iterations)
  }

  @Test("unrolling evaluates every step once, and with checkpoints once more on the way back")
  func unrolled() throws {
    #expect(try applications(.unrolled, iterations: 10) == (10, 10))
    #expect(try applications(.unrolled(lastSteps: 4), iterations: 10) == (10, 10))
    #expect(try applications(.unrolled(keeping: .squareRoot), iterations: 10) == (20, 20))
  }

  @Test("a solve goes through a map that stops when it is recorded twice")
  func trap() async {
    await #expect(processExitsWith: .success) {
      for tested in TestedEstimator.ofAnySolver {
        let b = testTensor([2, 3]).variable()
        var recorded = 0
        let z = try fixedPoint(
          from: b.zerosLike(), estimator: tested.make(.init(tolerance: 1e-9)),
          until: .evaluations(30)
        ) { z in
          if isRecording { recorded += 1 }
          precondition(recorded <= 1, "recorded twice")
          return z * 0.5 + b
        }
        _ = try gradients(of: z.sum())
      }
    }
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let b = testTensor([2, 3]).variable()
      var recorded = 0
      _ = try fixedPoint(
        from: b.zerosLike(), estimator: .unrolled, until: .evaluations(30)
      ) { z in
        if isRecording { recorded += 1 }
        if recorded > 1 { fatalError("recorded twice") }
        return z * 0.5 + b
      }
    }
    #expect(errorText(result).contains("recorded twice"))
  }
}
