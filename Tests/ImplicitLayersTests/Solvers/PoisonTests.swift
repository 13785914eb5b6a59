import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Kepler's orbits, of which one turns into NaN at a given evaluation, and what the map has seen.
private final class PoisonedOrbits {
  static let sample = 2
  let clean: FixedPointMap
  private(set) var map: FixedPointMap
  let initial: Tensor
  /// The iterates of the sample whose image was finite, with their residuals.
  private var seen: [(z: Double, residual: Double)] = []
  private var calls = 0

  /// The iterate of least residual; the initial state if no image was finite.
  var best: Double {
    seen.min { $0.residual < $1.residual }?.z ?? initial.scalars[PoisonedOrbits.sample]
  }

  init(after healthyCalls: Int, dtype: DType, isRestrictable: Bool) {
    let orbits = KeplerBatch.five
    let m = orbits.meanAnomalies.converted(to: dtype)
    let e = orbits.eccentricityColumn.converted(to: dtype)
    initial = m
    let image = { (positions: [Int]) in
      let (m, e) = (m.samples(positions), e.samples(positions))
      return { (z: Tensor) in m + e * z.sin() }
    }
    let whole = image(Array(0..<5))
    clean = isRestrictable ? FixedPointMap(whole) { image($0) } : FixedPointMap(whole)
    map = clean
    let poisoned = { [unowned self] (positions: [Int]) in
      let healthy = image(positions)
      return { (z: Tensor) in
        self.calls += 1
        let fz = healthy(z)
        guard let row = positions.firstIndex(of: PoisonedOrbits.sample) else { return fz }
        if self.calls <= healthyCalls {
          self.seen.append(
            (z.scalars[row], (fz - z).normsOfSamples[row]))
          return fz
        }
        return fz.replacingRow(row, with: .nan)
      }
    }
    let all = poisoned(Array(0..<5))
    map = isRestrictable ? FixedPointMap(all) { poisoned($0) } : FixedPointMap(all)
  }
}

extension Tensor {
  /// The tensor with one row overwritten by a number.
  fileprivate func replacingRow(_ row: Int, with number: Double) -> Tensor {
    .selectSamples(
      (0..<shape[0]).map { $0 == row }, .full(number, shape, dtype: dtype), self)
  }
}

@Suite struct PoisonTests {
  @Test(
    "NaN in one sample changes no other, bit by bit, and leaves that sample its best iterate",
    arguments: TestedSolver.matrix, [DType.float64, .float32])
  func oneSample(_ tested: TestedSolver, _ dtype: DType) throws {
    let rule = StoppingRule.tolerance(
      relative: Accuracy(dtype: dtype).residual,
      limit: ClosedFormProblem.keplerBatch.iterations(relaxation: 0.5))
    for (isRestrictable, healthyCalls) in [true, false].flatMap({ isRestrictable in
      [0, 1, 4, 6].map { (isRestrictable, $0) }
    }) {
      let orbits = PoisonedOrbits(after: healthyCalls, dtype: dtype, isRestrictable: isRestrictable)
      // Recorded, Newton's method would evaluate its map once more at every step.
      let (healthy, poisoned) = try withoutRecording {
        (
          try tested.solver.solve(orbits.clean, from: orbits.initial, until: rule),
          try tested.solver.solve(orbits.map, from: orbits.initial, until: rule)
        )
      }
      let what = "after \(healthyCalls) calls, restrictable: \(isRestrictable)"
      let report = poisoned.report.samples[PoisonedOrbits.sample]
      #expect(report.outcome == .nonFinite, "\(what): \(report)")
      #expect(poisoned.value.scalars[PoisonedOrbits.sample] == orbits.best, "\(what)")
      for sample in 0..<5 where sample != PoisonedOrbits.sample {
        #expect(
          poisoned.value.scalars[sample] == healthy.value.scalars[sample],
          "\(what), sample \(sample)")
        #expect(
          poisoned.report.samples[sample] == healthy.report.samples[sample],
          "\(what), sample \(sample)")
      }
    }
  }

  @Test(
    "NaN in one sample's cotangent, or in its map, reaches no other sample's gradient",
    arguments: TestedEstimator.all, [DType.float64, .float32])
  func estimators(_ estimator: TestedEstimator, _ dtype: DType) throws {
    try expectUnchanged(estimator, dtype, using: .broyden())
  }

  @Test(
    "nor does it by differentiating the steps of any solver",
    arguments: TestedSolver.matrix, TestedEstimator.ofSteps)
  func steps(_ tested: TestedSolver, _ estimator: TestedEstimator) throws {
    for dtype in [DType.float64, .float32] {
      try expectUnchanged(estimator, dtype, using: tested.solver)
    }
  }

  private enum Poison: CaseIterable { case none, cotangent, map }

  private func expectUnchanged(
    _ estimator: TestedEstimator, _ dtype: DType, using solver: any ForwardSolver
  ) throws {
    let settings = TestedEstimator.Settings(
      tolerance: dtype == .float32 ? 1e-5 : 1e-10, onFailure: .keeping)
    // An estimator is made anew each time: a memory has to start from nothing.
    let healthy = try gradient(.none, dtype, estimator.make(settings), solver)
    for poison in Poison.allCases {
      let poisoned = try gradient(poison, dtype, estimator.make(settings), solver)
      for sample in [0, 2] {
        #expect(
          poisoned.slice(sample..<sample + 1).scalars == healthy.slice(sample..<sample + 1).scalars,
          "\(poison), \(dtype)")
      }
      let own = poisoned.slice(1..<2).scalars
      #expect((poison == .none) == own.allSatisfy(\.isFinite), "\(poison), \(dtype)")
    }
  }

  /// dL/dx of z = tanh(z W + x), three samples, with NaN at one place in sample 1.
  private func gradient(
    _ poison: Poison, _ dtype: DType, _ estimator: any BackwardEstimator,
    _ solver: any ForwardSolver
  ) throws -> Tensor {
    let w = testTensor([4, 4], seed: 3, scale: 0.35, dtype: dtype)
    var numbers = testTensor([3, 4], seed: 4).scalars
    if poison == .map { numbers[5] = .nan }
    let x = Tensor(numbers, shape: [3, 4], dtype: dtype).variable()
    var weights = testTensor([3, 4], seed: 8).scalars
    if poison == .cotangent { weights[6] = .nan }
    let solution = try estimator.solution(
      of: FixedPointMap { z in (z.matmul(w) + x).tanh() }, from: x.zerosLike(), using: solver,
      until: .tolerance(relative: Accuracy(dtype: dtype).residual, limit: 150))
    let table = try gradients(
      of: solution.value, cotangent: Tensor(weights, shape: [3, 4], dtype: dtype))
    return try #require(table[x])
  }
}
