import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// z <- f(f(z)): one evaluation more for each group of samples that take this step together.
private struct Twice: ForwardSolver {
  func next(after point: Iterate, _ history: inout NoHistory) throws -> Tensor {
    try point.map.image(of: point.image)
  }
}

/// Never moves, so that it is always too slow.
private struct Idle: ForwardSolver {
  func next(after point: Iterate, _ history: inout NoHistory) -> Tensor { point.z }
}

@Suite struct AutomaticTests {
  /// The second method is begun, or the first, which was set aside, is resumed.
  private static let changes: [(methods: [any ForwardSolver], lastRemark: String)] = [
    ([Idle(), Twice()], "Idle -> Twice"), ([Twice(), Idle()], "Idle -> Twice again"),
  ]

  @Test("each sample gets the method it needs, and the report says why")
  func escalation() throws {
    let orbits = KeplerBatch.five
    let solution = try Automatic().solve(
      orbits.map(), from: orbits.meanAnomalies,
      until: .tolerance(relative: 0, absolute: 1e-12, limit: 200))
    #expect(solution.report.converged)
    let remarks = solution.report.samples.map(\.remarks)
    #expect(remarks[0].isEmpty)
    #expect(remarks[4].count == 1)
    #expect(remarks[4].first?.contains("Picard -> Anderson") == true)
    #expect(remarks[4].first?.contains("residual") == true)
  }

  @Test("a map that grows in every direction ends with Newton-Krylov")
  func lastResort() throws {
    // Forty unknowns with eigenvalues spread over both sides of 1: too many for ten differences.
    let n = 40
    let factors = (0..<n).map { index -> Double in
      let size = Double(index)
      return index % 2 == 0 ? 1.5 + 0.2 * size : -1.3 - 0.1 * size
    }
    let diagonal = Tensor(factors, shape: [1, n], dtype: .float64)
    let map = { (z: Tensor) in z * diagonal + 1 }
    let methods: [any ForwardSolver] = [
      .picard(), .anderson(depth: 10), .broyden(updates: 5), .newtonKrylov(),
    ]
    let solution = try Automatic(methods).solve(
      map, from: .zeros([1, n], dtype: .float64), until: .tolerance(relative: 1e-10, limit: 400))
    #expect(solution.report.converged, "\(solution.report)")
    let remarks = solution.report.samples[0].remarks
    #expect(remarks.last?.contains("Broyden -> NewtonKrylov") == true, "\(remarks)")
    #expect(difference(solution.value, 1 / (1 - diagonal), relative: 1e-8) == nil)
  }

  @Test("a method that overflowed leaves no trace: the next one starts from the best point")
  func overflow() throws {
    // f(z) = z^9 + z - 512 has the fixed point 2, where J = 2305; plain iteration explodes.
    let report = try Automatic().solve(
      { z in
        let cube = z.square() * z
        return cube.square() * cube + z - 512
      }, from: Tensor([2.01, 1.98], shape: [2, 1], dtype: .float64),
      until: .tolerance(relative: 1e-10, limit: 200)
    ).report
    #expect(report.converged, "\(report)")
    #expect(report.samples.allSatisfy { !$0.remarks.isEmpty })
  }

  /// A map that cannot be restricted is evaluated on the whole batch once for each group.
  @Test(
    "samples that change their method at the same time go on together", arguments: changes)
  func groups(_ methods: [any ForwardSolver], _ lastRemark: String) throws {
    func report(_ batch: Int) throws -> SolveReport {
      try Automatic(methods).solve(
        { z in z * 0.9 + 1 }, from: .zeros([batch, 1], dtype: .float64),
        until: .tolerance(relative: 1e-6, limit: 200)
      ).report
    }
    let alone = try report(1)
    #expect(alone.converged && alone.samples[0].remarks.last?.contains(lastRemark) == true)
    for batch in [2, 50] {
      let together = try report(batch)
      #expect(together.evaluations == alone.evaluations, "\(batch) samples")
      #expect(together.samples.allSatisfy { $0.remarks == alone.samples[0].remarks })
    }
  }

  @Test("samples that part meet nobody else's steps: each does what it does alone")
  func partings() throws {
    // Contractions by .3, .95 and .6, and three that expand, in an order that mixes them.
    let factors = [-1.5, 0.3, 0.95, -2.5, 0.6, -1.2]
    let report = { (factors: [Double]) in
      let a = Tensor(factors, shape: [factors.count, 1], dtype: .float64)
      return try Automatic().solve(
        { z in z.tanh() * a + 1 }, from: .zeros([factors.count, 1], dtype: .float64),
        until: .tolerance(relative: 1e-10, limit: 300))
    }
    let together = try report(factors)
    for (row, factor) in factors.enumerated() {
      let alone = try report([factor])
      #expect(alone.value.scalars[0] == together.value.scalars[row])
      #expect(alone.report.samples[0].remarks == together.report.samples[row].remarks)
    }
  }
}
