import Foundation
import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// Derivatives of a solution of any order, in both directions.
@Suite struct HigherDerivativeTests {
  /// The estimators that solve the adjoint equation, to what float64 resolves.
  static let accurate: [any AdjointEstimator] = [
    .exact, .leastSquares, .gmres(tolerance: 1e-14), .biCGStab(tolerance: 1e-14),
    .iterative(.picard(), tolerance: 1e-14, limit: 2000),
    .iterative(.anderson(), tolerance: 1e-14, limit: 500), .measured(.exact),
  ]
  static let tight = StoppingRule.tolerance(relative: 1e-15, limit: 3000, onFailure: .keeping)

  private static func scalar(_ x: Double) -> Tensor { Tensor([x], shape: [1, 1], dtype: .float64) }

  @Test("z = cos(theta z) to third order", arguments: accurate)
  func cosine(_ estimator: any AdjointEstimator) throws {
    let found = try KnownDerivatives.reverse(upTo: 3, at: Self.scalar(1)) { theta in
      try fixedPoint(from: Self.scalar(1), estimator: estimator, until: Self.tight) { z in
        (z * theta).cos()
      }
    }
    KnownDerivatives.expectCosine(found, estimator.name)
  }

  @Test("Kepler's equation to third order", arguments: accurate)
  func kepler(_ estimator: any AdjointEstimator) throws {
    let orbits = KnownDerivatives.orbits
    let e = orbits.eccentricityColumn
    let found = try KnownDerivatives.reverse(upTo: 3, at: orbits.meanAnomalies) { m in
      try fixedPoint(from: m, using: .newtonKrylov(), estimator: estimator, until: Self.tight) {
        z in m + e * z.sin()
      }
    }
    KnownDerivatives.expectKepler(found, estimator.name)
  }

  @Test("derivatives by several variables are mixed in any order")
  func mixed() throws {
    let (m, e) = (Self.scalar(0.3).variable(), Self.scalar(0.6).variable())
    let z = try fixedPoint(from: Self.scalar(0.3), estimator: .exact, until: Self.tight) { z in
      m + e * z.sin()
    }
    let table = try gradients(of: z.sum(), creatingGraph: true)
    let (byM, byE) = (try #require(table[m]), try #require(table[e]))
    let one = try #require(try gradients(of: byM.sum(), creatingGraph: true)[e])
    let other = try #require(try gradients(of: byE.sum(), creatingGraph: true)[m])
    // E_M = 1/q, and d(1/q)/de = (cos E - e sin E E_e) / q^2 with E_e = sin E / q.
    let big = z.scalar
    let q = 1 - 0.6 * cos(big)
    let exact = (cos(big) - 0.6 * sin(big) * sin(big) / q) / (q * q)
    #expect(abs(one.scalar - exact) < 1e-12 && abs(other.scalar - exact) < 1e-12)
  }

  private static let weight = testTensor([5, 5], seed: 3, scale: 0.3)

  private static func tanhSolution(
    _ b: Tensor, _ w: Tensor, _ estimator: any BackwardEstimator, using solver: any ForwardSolver
  ) throws -> Tensor {
    try fixedPoint(from: b.zerosLike(), using: solver, estimator: estimator, until: tight) { z in
      (z.matmul(w) + b).tanh()
    }
  }

  @Test("a Hessian equals differences of the gradient, and that of the unrolled iterations")
  func hessian() throws {
    let b = testTensor([2, 5], seed: 8)
    let direction = testTensor([2, 5], seed: 9)
    func gradient(
      _ b: Tensor, _ estimator: any BackwardEstimator, creatingGraph: Bool
    ) throws -> Tensor {
      let z = try Self.tanhSolution(b, Self.weight, estimator, using: .picard())
      return try #require(
        try gradients(of: (z * z * z).sum(), creatingGraph: creatingGraph)[b])
    }
    func product(_ estimator: any BackwardEstimator) throws -> Tensor {
      let b = b.variable()
      let g = try gradient(b, estimator, creatingGraph: true)
      return try #require(try gradients(of: (g * direction).sum())[b])
    }
    let found = try product(.exact)
    let step = 1e-5
    let sides = try [step, -step].map {
      try gradient((b + direction * $0).variable(), .exact, creatingGraph: false)
    }
    #expect(
      difference(found, (sides[0] - sides[1]) * (0.5 / step), relative: 1e-8) == nil)
    #expect(difference(found, try product(.unrolled), relative: 1e-8) == nil)
  }

  @Test("unrolled Newton steps differentiate again")
  func newton() throws {
    func second(_ estimator: any BackwardEstimator) throws -> Tensor {
      let b = testTensor([2, 5], seed: 8).variable()
      let z = try Self.tanhSolution(b, Self.weight, estimator, using: .newtonKrylov())
      let g = try #require(try gradients(of: (z * z).sum(), creatingGraph: true)[b])
      return try #require(try gradients(of: (g * g).sum())[b])
    }
    #expect(difference(try second(.unrolled), try second(.exact), relative: 1e-9) == nil)
  }

  @Test("a reused inverse is reused at every order")
  func reuse() throws {
    func second(_ estimator: any BackwardEstimator) throws -> Tensor {
      let b = testTensor([2, 5], seed: 8).variable()
      let z = try Self.tanhSolution(b, Self.weight, estimator, using: .broyden())
      let g = try #require(try gradients(of: (z * z).sum(), creatingGraph: true)[b])
      return try #require(try gradients(of: (g * g).sum())[b])
    }
    let exact = try second(.exact)
    #expect(
      difference(
        try second(.gmres(tolerance: 1e-14, reusingInverse: true)), exact, relative: 1e-9) == nil)
    let reused = try second(.quasiNewtonReuse(refinements: 5))
    #expect(difference(reused, exact, relative: 1e-6) == nil)
  }

  /// What one step is: f at a constant z*, differentiated like any composition.
  @Test("a truncated estimate is differentiated as it was computed", arguments: [1, 2, 4])
  func truncated(_ terms: Int) throws {
    let b = testTensor([2, 5], seed: 8)
    let point = try Self.tanhSolution(b, Self.weight, .exact, using: .picard()).detached()
    let w = Self.weight
    func second(_ solution: (Tensor) throws -> Tensor) throws -> Tensor {
      let b = b.variable()
      let z = try solution(b)
      let g = try #require(try gradients(of: (z * z).sum(), creatingGraph: true)[b])
      return try #require(try gradients(of: (g * g).sum())[b])
    }
    let found = try second {
      try Self.tanhSolution($0, w, .neumann(terms: terms), using: .picard())
    }
    // The series in basic operators: the cotangent v of the image becomes the sum of (J^T)^k v.
    let expected = try second { b in
      let (image, pullback) = valueWithPullback(at: point, creatingGraph: true) { z in
        (z.matmul(w) + b).tanh()
      }
      return image.transformingCotangent(differentiatesAgain: true) { v in
        var sum = v
        for _ in 1..<terms { sum = try v + pullback(sum) }
        return sum
      }
    }
    #expect(difference(found, expected, relative: 1e-10) == nil)
    let exact = try second { try Self.tanhSolution($0, w, .exact, using: .picard()) }
    #expect(relativeError(found, exact) > 1e-3, "truncation has no effect here")
  }

  /// z* = .5 z* + 2 b + tanh c, so that dz*/db does not depend on anything.
  private static func affine(
    _ b: Tensor, _ c: Tensor, _ estimator: any AdjointEstimator
  ) throws -> Tensor {
    try fixedPoint(from: b.zerosLike(), estimator: estimator, until: tight) { z in
      z * 0.5 + b * 2 + c.tanh()
    }
  }

  @Test(
    "the Hessian of what is linear is zero",
    arguments: accurate + [.oneStep, .neumann(terms: 3)])
  func linear(_ estimator: any AdjointEstimator) throws {
    let (b, c) = (testTensor([2, 3], seed: 8), testTensor([2, 3], seed: 9))
    let found = try Tensors.hessian(at: b) { b in try Self.affine(b, c, estimator).sum() }
    #expect(found.count == 36 && found.scalars.allSatisfy { $0 == 0 }, "\(estimator.name)")
    // By tables: zero, or no entry where the gradient is not the constant that it is here.
    let (x, y) = (b.variable(), c.variable())
    let first = try gradients(of: Self.affine(x, y, estimator).sum(), creatingGraph: true)
    let second = try gradients(of: try #require(first[x]).square().sum())
    for entry in [second[x], second[y]] {
      #expect(entry?.scalars.allSatisfy { $0 == 0 } ?? true, "\(estimator.name)")
    }
  }

  @Test(
    "a gradient that is a constant has derivatives of any order, all zero",
    arguments: [1, 3])
  func constantGradient(_ terms: Int) throws {
    let (b, c) = (testTensor([2, 3], seed: 8).variable(), testTensor([2, 3], seed: 9).variable())
    let z = try Self.affine(b, c, .neumann(terms: terms))
    var gradient = try #require(try gradients(of: z.sum(), creatingGraph: true)[b])
    for _ in 0..<3 {
      let table = try gradients(of: gradient.square().sum(), creatingGraph: true)
      #expect(try #require(table[c]).scalars.allSatisfy { $0 == 0 })
      gradient = try #require(table[b])
      #expect(gradient.shape == b.shape && gradient.scalars.allSatisfy { $0 == 0 })
    }
  }

  @Test("J s and J^T v of a solution agree", arguments: accurate)
  func directions(_ estimator: any AdjointEstimator) throws {
    let b = testTensor([3, 5], seed: 8)
    let near = try Linearization(at: b) { b in
      try Self.tanhSolution(b, Self.weight, estimator, using: .picard())
    }
    let (s, v) = (testTensor([3, 5], seed: 4), testTensor([3, 5], seed: 5))
    let forwards = (try near.pushforward(s) * v).sum().scalar
    let backwards = (try near.pullback(v) * s).sum().scalar
    #expect(abs(forwards - backwards) < 1e-12, "\(estimator.name)")
    let step = 1e-6
    let sides = try [step, -step].map {
      try Self.tanhSolution(b + s * $0, Self.weight, .exact, using: .picard())
    }
    #expect(
      difference(
        try near.pushforward(s), (sides[0] - sides[1]) * (0.5 / step), relative: 1e-8) == nil)
  }

  @Test("a solution whose map has a rule that does not differentiate again is linearised")
  func opaqueMap() throws {
    let (b, s) = (testTensor([2, 3], seed: 8), testTensor([2, 3], seed: 9))
    func linearized(_ isOpaque: Bool) throws -> Tensor {
      try Linearization(at: b) { b in
        try fixedPoint(from: b.zerosLike(), estimator: .exact, until: Self.tight) { z in
          let y = (z * 0.5 + b).tanh()
          return isOpaque ? y.transformingCotangent { $0 } : y
        }
      }.pushforward(s)
    }
    #expect(difference(try linearized(true), try linearized(false), relative: 1e-12) == nil)
  }

  @Test("a solution inside the map of another")
  func nested() throws {
    // z = .5 y(z) + b with y = tanh(.4 y + z).
    func outer(_ b: Tensor, _ estimator: any BackwardEstimator) throws -> Tensor {
      try fixedPoint(from: b, estimator: estimator, until: Self.tight) { z in
        let y = try fixedPoint(from: z.zerosLike(), estimator: .exact, until: Self.tight) { y in
          (y * 0.4 + z).tanh()
        }
        return y * 0.5 + b
      }
    }
    let b = testTensor([2, 2], seed: 8)
    #expect(
      try gradientDifference([b], tolerance: 1e-8) { try outer($0[0], .exact) } == nil)
    let second = { (estimator: any BackwardEstimator) throws -> Tensor in
      let b = b.variable()
      let g = try #require(
        try gradients(of: outer(b, estimator).square().sum(), creatingGraph: true)[b])
      return try #require(try gradients(of: g.square().sum())[b])
    }
    #expect(difference(try second(.exact), try second(.unrolled), relative: 1e-8) == nil)
  }

  /// Solves the equation by plain numbers, which no tape sees.
  private struct Detached: AdjointEstimator {
    let derivative: EstimateDerivative
    func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
      try withoutRecording {
        try ExactAdjoint().estimate(
          AdjointProblem(cotangent: problem.cotangent.detached(), pullback: problem.pullback))
      }
    }
  }

  @Test("an estimate that leaves the tape is differentiated as its equation, or stops")
  func leavingTheTape() async throws {
    let b = testTensor([2, 5], seed: 8)
    let near = try Linearization(at: b) { b in
      try Self.tanhSolution(
        b, Self.weight, Detached(derivative: .ofEquation), using: .picard())
    }
    let exact = try Linearization(at: b) { b in
      try Self.tanhSolution(b, Self.weight, .exact, using: .picard())
    }
    let s = testTensor([2, 5], seed: 4)
    #expect(
      difference(try near.pushforward(s), try exact.pushforward(s), relative: 1e-12) == nil)

    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let b = testTensor([2, 5], seed: 8).variable()
      let z = try Self.tanhSolution(
        b, Self.weight, Detached(derivative: .ofComputation), using: .picard())
      _ = try gradients(of: z.square().sum(), creatingGraph: true)
    }
    let message = errorText(result)
    #expect(message.contains("derivative: EstimateDerivative"))
  }

  @Test("the report of a backward solve does not depend on whether it is recorded")
  func reports() throws {
    let b = testTensor([2, 5], seed: 8).variable()
    let solution = try solveFixedPoint(
      from: b.zerosLike(), estimator: .gmres(tolerance: 1e-14, limit: 1, onFailure: .keeping),
      until: Self.tight
    ) { (z: Tensor) in (z.matmul(Self.weight) + b).tanh() }
    let table = try gradients(of: solution.value.sum(), creatingGraph: true)
    let plain = try gradients(of: solution.value.sum())
    let report = try #require(table.backwardReport(of: solution))
    #expect(report.failed == [0, 1])
    #expect(report.samples == plain.backwardReport(of: solution)?.samples)
  }

  @Test("tables of recorded gradients add up with their records")
  func addedTables() throws {
    let x = testTensor([3], seed: 2).variable()
    var total = try gradients(of: (x * x * x).sum(), creatingGraph: true)
    total.add(try gradients(of: x.sin().sum(), creatingGraph: true))
    let sum = try #require(total[x])
    let second = try #require(try gradients(of: sum.sum())[x])
    #expect(
      difference(second.scalars, x.scalars.map { 6 * $0 - sin($0) }, absolute: 1e-12) == nil)
  }
}
