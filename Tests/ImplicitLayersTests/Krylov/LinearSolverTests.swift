import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// I - scale R with R of entries in (-1, 1), one matrix per sample.
private func system(
  _ batch: Int, _ n: Int, scale: Double, seed: Int = 1, dtype: DType = .float64
) -> Tensor {
  Tensor.identity(n, dtype: dtype)
    - testTensor([batch, n, n], seed: seed, scale: scale, dtype: dtype)
}

/// x -> A x for A of shape [batch, n, n].
private func product(_ matrices: Tensor) -> LinearOperator {
  { x in
    let n = x.count / x.shape[0]
    return matrices.matmul(x.reshaped([x.shape[0], n, 1])).reshaped(x.shape)
  }
}

private func relativeResiduals(_ matrices: Tensor, _ x: Tensor, _ b: Tensor) throws -> [Double] {
  zip(try (b - product(matrices)(x)).normsOfSamples, b.normsOfSamples).map { $0 / $1 }
}

private let solvers: [(String, any LinearSolver)] = [
  ("GMRES", GMRES(tolerance: 1e-12, limit: 200)),
  ("restarted GMRES", GMRES(dimension: 4, tolerance: 1e-12, limit: 400)),
  ("BiCGStab", BiCGStab(tolerance: 1e-12, limit: 400)),
]

@Suite struct LinearSolverTests {
  @Test(
    "the solution solves the system, and the reported residual is its residual",
    arguments: solvers)
  func solution(_ name: String, _ solver: any LinearSolver) throws {
    let matrices = system(3, 7, scale: 0.3)
    let b = testTensor([3, 7], seed: 5)
    let found = try solver.solve(b, applying: product(matrices))
    #expect(found.report.converged)
    let residuals = try relativeResiduals(matrices, found.value, b)
    for (sample, residual) in residuals.enumerated() {
      #expect(residual <= 2e-12, "sample \(sample)")
      let reported = found.report.samples[sample].relativeResidual
      #expect(abs(reported - residual) <= 1e-15, "\(reported), \(residual)")
      #expect(found.report.samples[sample].applications <= found.report.applications)
    }
    let exact = try LUFactorization(of: matrices).solve(b)
    #expect(difference(found.value, exact, relative: 1e-10) == nil)
  }

  @Test("GMRES with a limit of one application returns the best multiple of b")
  func oneApplication() throws {
    let matrices = Tensor([2, 0, 0, 2, 1, 0, 0, 2], shape: [2, 2, 2], dtype: .float64)
    let b = Tensor([4, 6, 1, 1], shape: [2, 2], dtype: .float64)
    var calls = 0
    let found = try GMRES(limit: 1).solve(b) { x in
      calls += 1
      return try product(matrices)(x)
    }
    #expect(calls == 1 && found.report.applications == 1)
    // min |b - t A b| for A = diag(1, 2), b = (1, 1): t = 3 / 5, where (2, -1) / 5 is left.
    #expect(difference(found.value.scalars, [2, 3, 0.6, 0.6], relative: 1e-15) == nil)
    #expect(found.report.samples.map(\.outcome) == [.converged, .limitReached])
    #expect(abs(found.report.samples[1].relativeResidual - 0.1.squareRoot()) < 1e-15)
    // A start takes the one application for its residual.
    let kept = try GMRES(limit: 1).solve(b, from: found.value, applying: product(matrices))
    #expect(kept.value.scalars == found.value.scalars && kept.report.applications == 1)
    #expect(kept.report.samples.map(\.outcome) == found.report.samples.map(\.outcome))
    #expect(abs(kept.report.samples[1].relativeResidual - 0.1.squareRoot()) < 1e-15)
  }

  @Test("GMRES ends within n applications", arguments: 1...8)
  func finiteTermination(_ n: Int) throws {
    for seed in 1...5 {
      let matrices = system(2, n, scale: 0.9, seed: seed)
      let b = testTensor([2, n], seed: seed + 10)
      let found = try GMRES(tolerance: 1e-10).solve(b, applying: product(matrices))
      #expect(found.report.converged, "n \(n), seed \(seed)")
      #expect(found.report.applications <= n + 1, "n \(n), seed \(seed)")
    }
  }

  @Test(arguments: solvers)
  func theOperatorIsAppliedAsOftenAsReported(_ name: String, _ solver: any LinearSolver) throws {
    var calls = 0
    let matrices = product(system(2, 6, scale: 0.2))
    let found = try solver.solve(testTensor([2, 6])) { x in
      calls += 1
      return try matrices(x)
    }
    #expect(calls == found.report.applications)
  }

  @Test("a right-hand side of zeros costs nothing", arguments: solvers)
  func zero(_ name: String, _ solver: any LinearSolver) throws {
    let found = try solver.solve(
      .zeros([2, 3], dtype: .float64), from: .ones([2, 3], dtype: .float64), preconditioner: nil
    ) { _ in
      Issue.record("the operator was applied")
      return .zeros([2, 3], dtype: .float64)
    }
    #expect(found.value.scalars == [0, 0, 0, 0, 0, 0])
    #expect(found.report.samples.map(\.outcome) == [.converged, .converged])
  }

  @Test("a sample does not depend on its batch, bitwise", arguments: solvers)
  func samplesDoNotMix(_ name: String, _ solver: any LinearSolver) throws {
    let scales = [0.05, 0.3, 0.45]
    let matrices = Tensor.concatenated(
      scales.enumerated().map { system(1, 6, scale: $1, seed: $0 + 2) })
    let b = Tensor.concatenated(
      [testTensor([1, 6]), .zeros([1, 6], dtype: .float64), testTensor([1, 6], seed: 4)])
    let together = try solver.solve(b, applying: product(matrices))
    for sample in 0..<3 {
      let alone = try solver.solve(
        b.slice(sample..<sample + 1), applying: product(matrices.slice(sample..<sample + 1)))
      #expect(alone.value.scalars == together.value.slice(sample..<sample + 1).scalars)
      #expect(alone.report.samples[0] == together.report.samples[sample], "\(sample)")
    }
  }

  @Test("NaN in one sample changes no other and leaves that one finite", arguments: solvers)
  func notANumber(_ name: String, _ solver: any LinearSolver) throws {
    let matrices = system(3, 5, scale: 0.3)
    let b = testTensor([3, 5], seed: 8)
    let poison = Tensor.full(.nan, b.shape, dtype: .float64)
    let healthy = try solver.solve(b, applying: product(matrices))
    for onset in [1, 3] {
      var calls = 0
      let found = try solver.solve(b) { x in
        calls += 1
        let image = try product(matrices)(x)
        return calls < onset
          ? image : Tensor.selectSamples([false, true, false], poison, image)
      }
      #expect(found.report.samples[1].outcome == .nonFinite)
      #expect(found.value.firstNonFiniteIndex == nil)
      for sample in [0, 2] {
        let range = sample..<sample + 1
        #expect(found.value.slice(range).scalars == healthy.value.slice(range).scalars)
        #expect(found.report.samples[sample] == healthy.report.samples[sample])
      }
    }
    var broken = b.scalars
    broken[7] = .infinity
    let found = try solver.solve(
      Tensor(broken, shape: b.shape, dtype: .float64), applying: product(matrices))
    #expect(found.report.samples.map(\.outcome) == [.converged, .nonFinite, .converged])
  }

  @Test("scaling by powers of two is exact", arguments: solvers)
  func scaling(_ name: String, _ solver: any LinearSolver) throws {
    for dtype in [DType.float32, .float64] {
      let matrices = system(2, 9, scale: 0.25, dtype: dtype)
      let b = testTensor([2, 9], seed: 6, dtype: dtype)
      let unit = try solver.solve(b, applying: product(matrices))
      for power in [-40, -13, 21, 40] {
        let factor = Double(sign: .plus, exponent: power, significand: 1)
        let scaled = try solver.solve(b * factor, applying: product(matrices))
        #expect((scaled.value * (1 / factor)).scalars == unit.value.scalars, "\(power)")
        #expect(scaled.report == unit.report, "\(power)")
      }
    }
  }

  @Test(arguments: solvers)
  func theInverseAsPreconditionerNeedsOneStep(_ name: String, _ solver: any LinearSolver) throws {
    let matrices = system(2, 7, scale: 0.4)
    let factors = try LUFactorization(of: matrices)
    let b = testTensor([2, 7], seed: 9)
    let plain = try solver.solve(b, applying: product(matrices))
    let found = try solver.solve(
      b, from: nil, preconditioner: { factors.solve($0) }, applying: product(matrices))
    #expect(found.report.converged)
    #expect(found.report.applications <= 3)
    #expect(plain.report.applications > 3)
    #expect(try relativeResiduals(matrices, found.value, b).allSatisfy { $0 < 1e-12 })
  }

  @Test(arguments: solvers)
  func theSolutionAsInitialGuessNeedsOneApplication(
    _ name: String, _ solver: any LinearSolver
  ) throws {
    let matrices = system(2, 7, scale: 0.4)
    let b = testTensor([2, 7], seed: 9)
    let exact = try LUFactorization(of: matrices).solve(b)
    let found = try solver.solve(b, from: exact, preconditioner: nil, applying: product(matrices))
    #expect(found.report.converged && found.report.applications == 1)
    #expect(found.value.scalars == exact.scalars)
  }

  @Test("a singular system ends with an honest residual", arguments: solvers)
  func singular(_ name: String, _ solver: any LinearSolver) throws {
    // A = diag(1, 2, 0): the third component of b = (1, 1, 1) cannot be reached.
    let matrix = Tensor([1, 0, 0, 0, 2, 0, 0, 0, 0], shape: [1, 3, 3], dtype: .float64)
    let b = Tensor.ones([1, 3], dtype: .float64)
    let found = try solver.solve(b, applying: product(matrix))
    #expect(found.report.samples[0].outcome == .stalled)
    #expect(found.value.firstNonFiniteIndex == nil)
    #expect(found.report.applications < 50)
    let residual = try relativeResiduals(matrix, found.value, b)[0]
    #expect(abs(residual - found.report.samples[0].relativeResidual) < 1e-15)
  }

  @Test("a quarter turn breaks BiCGStab down, which says so; GMRES solves it")
  func quarterTurn() throws {
    let matrix = Tensor([0, -1, 1, 0], shape: [1, 2, 2], dtype: .float64)
    let b = Tensor([1, 0], shape: [1, 2], dtype: .float64)
    let broken = try BiCGStab().solve(b, applying: product(matrix))
    #expect(broken.report.samples[0].outcome == .stalled)
    #expect(broken.value.firstNonFiniteIndex == nil)
    #expect(try GMRES().solve(b, applying: product(matrix)).report.applications == 3)
  }

  @Test("BiCGStab converges on every one of many non-normal systems")
  func noFalseBreakdown() throws {
    let n = 64
    let entries = 3.0.squareRoot() / Double(n).squareRoot()
    for seed in 1...40 {
      let scale = 0.5 + 0.3 * Double(seed) / 40
      let matrices = system(1, n, scale: scale * entries, seed: seed)
      let found = try BiCGStab(tolerance: 1e-8, limit: 600)
        .solve(testTensor([1, n], seed: seed + 50), applying: product(matrices))
      #expect(found.report.converged, "seed \(seed): \(found.report.samples[0])")
    }
  }

  @Test("tolerances of one's own in each sample")
  func tolerances() throws {
    let one = system(1, 12, scale: 0.2)
    let b = testTensor([1, 12], seed: 3)
    let found = try GMRES().solve(
      Tensor.concatenated([b, b]), tolerances: [1e-1, 1e-9],
      applying: product(Tensor.concatenated([one, one])))
    let samples = found.report.samples
    #expect(samples[0].relativeResidual <= 1e-1 && samples[0].relativeResidual > 1e-9)
    #expect(samples[1].relativeResidual <= 1e-9)
    #expect(samples[0].applications < samples[1].applications)
  }

  @Test(
    arguments: [GMRES(tolerance: 1e-14, limit: 6), BiCGStab(tolerance: 1e-14, limit: 6)]
      as [any LinearSolver])
  func theLimitIsKept(_ solver: any LinearSolver) throws {
    let matrices = system(2, 30, scale: 0.2)
    let found = try solver.solve(testTensor([2, 30]), applying: product(matrices))
    #expect(found.report.applications <= 6)
    #expect(found.report.samples.allSatisfy { $0.outcome == .limitReached })
    #expect(found.report.samples.allSatisfy { $0.relativeResidual < 1 })
  }

  @Test("single precision reaches what it can represent")
  func singlePrecision() throws {
    let matrices = system(2, 40, scale: 0.12, dtype: .float32)
    let b = testTensor([2, 40], seed: 3, dtype: .float32)
    for dimension in [40, 10] {
      let found = try GMRES(dimension: dimension, tolerance: 2e-6, limit: 300)
        .solve(b, applying: product(matrices))
      #expect(found.report.converged, "\(dimension): \(found.report)")
      #expect(try relativeResiduals(matrices, found.value, b).allSatisfy { $0 < 4e-6 })
    }
  }
}
