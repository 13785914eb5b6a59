import Foundation
import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

private let tight = StoppingRule.tolerance(relative: 1e-13, absolute: 1e-12, limit: 2000)

/// Minima with and without constraints, and their derivatives.
@Suite struct MinimumTests {
  /// Those that descend, and one that solves grad L = 0.
  static let minimizers =
    TestedSolver.descents + TestedSolver.defaults.filter { $0.solver is Newton }

  private static func column(_ numbers: [Double]) -> Tensor {
    Tensor(numbers, shape: [numbers.count, 1], dtype: .float64)
  }

  /// sum over pairs of c (x_{2i+1} - x_{2i}^2)^2 + (a - x_{2i})^2, least at (a, a^2).
  private static func rosenbrock(_ x: Tensor, _ a: Tensor, _ c: Tensor) -> Tensor {
    let (u, v) = (x.slice(0..<1, alongAxis: 1), x.slice(1..<2, alongAxis: 1))
    return ((v - u * u).square() * c + (a - u).square()).sum(alongAxis: 1)
  }

  @Test(
    "Rosenbrock's valley, and where its end lies as a function of it",
    arguments: TestedSolver.descents)
  func valley(_ tested: TestedSolver) throws {
    let a = Self.column([1, 1.5, 0.5]).variable()
    let c = Self.column([100, 10, 50]).variable()
    let start = Tensor([-1.2, 1, -1.2, 1, -1.2, 1], shape: [3, 2], dtype: .float64)
    let x = try minimum(
      of: { Self.rosenbrock($0, a, c) }, from: start, using: tested.solver, until: tight)
    #expect(difference(x.scalars, a.scalars.flatMap { [$0, $0 * $0] }, absolute: 1e-9) == nil)
    let second = x.slice(1..<2, alongAxis: 1)
    let table = try gradients(of: second.sum(), creatingGraph: true)
    let byA = try #require(table[a])
    #expect(difference(byA.scalars, a.scalars.map { 2 * $0 }, absolute: 1e-7) == nil)
    #expect(difference(try #require(table[c]).scalars, [0, 0, 0], absolute: 1e-7) == nil)
    let again = try #require(try gradients(of: byA.sum())[a])
    #expect(difference(again.scalars, [2, 2, 2], absolute: 1e-5) == nil)
  }

  /// sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2: |dL/dx| hovers for hundreds of evaluations while L falls.
  @Test(
    "a long valley is followed to its end", arguments: TestedSolver.descents,
    [DType.float32, .float64])
  func longValley(_ tested: TestedSolver, _ dtype: DType) throws {
    let start = Tensor(
      (0..<20).map { $0 % 2 == 0 ? -1.2 : 1 }, shape: [1, 20], dtype: dtype)
    let x = try minimum(
      of: { x in
        let (a, b) = (x.slice(0..<19, alongAxis: 1), x.slice(1..<20, alongAxis: 1))
        return ((b - a.square()) * 10).square().sum(alongAxis: 1)
          + (1 - a).square().sum(alongAxis: 1)
      }, from: start, using: tested.solver,
      until: .accuracy(relative: dtype == .float32 ? 1e-4 : 1e-8, limit: 1000))
    #expect(
      difference(
        x.scalars, start.scalars.map { _ in 1 }, absolute: dtype == .float32 ? 0.1 : 1e-5) == nil)
  }

  // From (-1.2, 1) the Hessian is indefinite. 70 and 69; 180 and 177 where a direction of negative
  // curvature only ends the search for a step, and residuals are judged in the units of L.
  @Test("Newton-CG follows negative curvature", arguments: [DType.float32, .float64])
  func negativeCurvature(_ dtype: DType) throws {
    let one = Tensor([1], shape: [1, 1], dtype: dtype)
    var map = FixedPointMap { x in
      try x - gradient(at: x) { x in Self.rosenbrock(x, one, one * 100).sum() }
    }
    map.loss = { x in Self.rosenbrock(x, one, one * 100) }
    let found = try NewtonCG().solve(
      map, from: Tensor([-1.2, 1], shape: [1, 2], dtype: dtype),
      until: .accuracy(relative: dtype == .float32 ? 1e-3 : 1e-8, limit: 200))
    #expect(found.report.converged && found.report.evaluations <= 100, "\(found.report)")
  }

  /// The gradient is the same everywhere, and its changes are rounding.
  @Test("a loss that falls without end has no minimum", arguments: TestedSolver.descents)
  func noMinimum(_ tested: TestedSolver) throws {
    let slopes = Tensor([1, 0.7, 1.3], shape: [1, 3], dtype: .float64)
    #expect(throws: UnconvergedSolve.self) {
      try minimum(
        of: { x in (x * slopes).sum(alongAxis: 1) },
        from: Tensor([0.3, 1, 2], shape: [1, 3], dtype: .float64), using: tested.solver)
    }
  }

  /// w(lambda) = (X^T X + lambda I)^-1 X^T y; with M = X^T X + lambda I: dw/dlambda = -M^-1 w and
  /// d^2w/dlambda^2 = 2 M^-2 w.
  @Test("ridge regression: the hypergradient and the second derivative", arguments: minimizers)
  func ridge(_ tested: TestedSolver) throws {
    let (x, y) = (testTensor([12, 4], seed: 3), testTensor([12, 1], seed: 4))
    let (valid, target) = (testTensor([8, 4], seed: 5), testTensor([8, 1], seed: 6))
    let penalty = Tensor(0.7, dtype: .float64)
    let normal = x.matmul(x, transposingSelf: true) + Tensor.identity(4, dtype: .float64) * 0.7
    let factors = try LUFactorization(of: normal.reshaped([1, 4, 4]))
    func solve(_ b: Tensor) -> Tensor { factors.solve(b.reshaped([1, 4])).reshaped([4, 1]) }
    let exact = solve(x.matmul(y, transposingSelf: true))
    let slope = solve(exact) * -1
    let curvature = solve(solve(exact)) * 2

    func validation(_ penalty: Tensor) throws -> (w: Tensor, loss: Tensor) {
      let w = try minimum(
        of: { w in
          (x.matmul(w.reshaped([4, 1])) - y).square().sum().reshaped([1])
            + w.square().sum().reshaped([1]) * penalty
        }, from: Tensor.zeros([1, 4], dtype: .float64), using: tested.solver, until: tight)
      return (w, (valid.matmul(w.reshaped([4, 1])) - target).square().sum())
    }
    let variable = penalty.variable()
    let (w, loss) = try validation(variable)
    #expect(difference(w.scalars, exact.scalars, absolute: 1e-10) == nil)
    let residual = valid.matmul(exact) - target
    let first = try #require(try gradients(of: loss, creatingGraph: true)[variable])
    let change = valid.matmul(slope)
    #expect(abs(first.scalar - 2 * (residual * change).sum().scalar) < 1e-9)
    let second = try #require(try gradients(of: first)[variable])
    let expected =
      2 * (change.square().sum().scalar + (residual * valid.matmul(curvature)).sum().scalar)
    #expect(abs(second.scalar - expected) < 1e-8)
  }

  /// The support of a projection onto the simplex stays as x moves a little: on it,
  /// dp/dx = I - 1 1^T / k.
  @Test("the projection onto the simplex, found as a minimum")
  func simplex() throws {
    let x = Tensor(
      [0.9, 0.4, -0.3, 0.1, 0.2, 1.7, 0.3, -1, 0.25, 0.25, 0.25, 0.25], shape: [3, 4],
      dtype: .float64
    )
    .variable()
    let p = try minimum(
      of: { p in ((p - x).square() * 0.5).sum(alongAxis: 1) }, over: .simplex,
      from: .full(0.25, [3, 4], dtype: .float64), until: tight)
    let expected = [0.75, 0.25, 0, 0, 0, 1, 0, 0, 0.25, 0.25, 0.25, 0.25]
    #expect(difference(p.scalars, expected, absolute: 1e-12) == nil)
    let cotangent = Tensor([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], shape: [3, 4], dtype: .float64)
    let found = try #require(try gradients(of: p, cotangent: cotangent)[x])
    #expect(
      difference(
        found.scalars, [0.5, -0.5, 0, 0, 0, 0, 0, 0, -0.25, -0.25, 0.75, -0.25], absolute: 1e-10)
        == nil)
  }

  /// x_free = -Q_ff^-1 (c_f + Q_fb x_b): the bounds that hold are constants of the rest.
  @Test("a quadratic programme in a box, by the formula for the set of active bounds")
  func box() throws {
    let half = testTensor([5, 5], seed: 7)
    let q = half.matmul(half, transposingSelf: true) + Tensor.identity(5, dtype: .float64) * 0.5
    let c = Tensor([3, -2, 1, -4, 0.5], shape: [1, 5], dtype: .float64).variable()
    let x = try minimum(
      of: { x in (x.matmul(q) * x * 0.5 + x * c).sum(alongAxis: 1) }, over: .box(-0.6, 0.6),
      from: .zeros([1, 5], dtype: .float64), until: tight)
    let values = x.scalars
    let free = (0..<5).filter { abs(values[$0]) < 0.6 - 1e-9 }
    try #require(!free.isEmpty && free.count < 5, "the case has active and free bounds")
    // Where a bound holds, the gradient points outwards.
    let slope = (x.detached().matmul(q) + c.detached()).scalars
    for i in 0..<5 {
      if free.contains(i) {
        #expect(abs(slope[i]) < 1e-10)
      } else {
        #expect(slope[i] * values[i] < 0)
      }
    }
    let entries = q.scalars
    let block = Tensor(
      free.flatMap { i in free.map { entries[i * 5 + $0] } }, shape: [1, free.count, free.count],
      dtype: .float64)
    let inverse = try LUFactorization(of: block).solve(
      Tensor(free.map { _ in 1 }, shape: [1, free.count], dtype: .float64))
    let found = try #require(try gradients(of: x.sum())[c]).scalars
    var expected = [Double](repeating: 0, count: 5)
    for (position, i) in free.enumerated() { expected[i] = -inverse.scalars[position] }
    #expect(difference(found, expected, absolute: 1e-9) == nil)
  }

  /// The nearest point of the ball to x is r x / |x|, with the derivative r/|x| (I - x x^T / |x|^2).
  @Test("the nearest point of a ball, and of the cone of numbers not below zero")
  func ballAndCone() throws {
    let x = Tensor([3, 4, 0.1, 0.2], shape: [2, 2], dtype: .float64).variable()
    func nearest(_ set: ConvexSet) throws -> Tensor {
      try minimum(
        of: { p in ((p - x).square() * 0.5).sum(alongAxis: 1) }, over: set,
        from: .zeros([2, 2], dtype: .float64), until: tight)
    }
    let p = try nearest(.ball(radius: 2))
    #expect(difference(p.scalars, [1.2, 1.6, 0.1, 0.2], absolute: 1e-11) == nil)
    let found = try #require(
      try gradients(of: p, cotangent: Tensor([1, 0, 1, 0], shape: [2, 2], dtype: .float64))[x])
    #expect(difference(found.scalars, [0.4 * 0.64, -0.4 * 0.48, 1, 0], absolute: 1e-9) == nil)
    let y = Tensor([-1, 2, 3, -4], shape: [2, 2], dtype: .float64)
    #expect(try ConvexSet.nonNegative.projection(y).scalars == [0, 2, 3, 0])
  }

  /// Least |x|^2 / 2 with a^T x = b: x = a b / |a|^2, lambda = -b / |a|^2.
  @Test("a minimum under an equation, with its multiplier")
  func equation() throws {
    let a = Tensor([1, 2, 2], shape: [1, 3], dtype: .float64)
    let b = Tensor([3, 6], shape: [2, 1], dtype: .float64).variable()
    let point = try minimum(
      of: { x in (x.square() * 0.5).sum(alongAxis: 1) },
      subjectTo: { x in (x * a).sum(alongAxis: 1, keepingAxis: true) - b },
      from: .ones([2, 3], dtype: .float64), until: tight)
    let third = [1.0, 2, 2].map { $0 / 3 }
    #expect(difference(point.x.scalars, third + third.map { 2 * $0 }, absolute: 1e-12) == nil)
    #expect(difference(point.multipliers.scalars, [-1 / 3, -2 / 3], absolute: 1e-12) == nil)
    let found = try #require(try gradients(of: point.x.sum())[b])
    #expect(difference(found.scalars, [5 / 9, 5 / 9], absolute: 1e-11) == nil)
  }

  @Test("a solver that descends says so where there is no loss")
  func noLoss() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try fixedPoint(from: Tensor.ones([1, 2]), using: .lbfgs()) { ($0 * 0.5).sin() }
    }
    let message = errorText(result)
    #expect(message.contains("minimum(of:from:)"))
  }

  @Test("a sample descends as it does alone", arguments: [2, 10])
  func batchMates(_ memory: Int) throws {
    let starts = [[-1.2, 1.0], [4.0, -3.0], [0.0, 2.0]]
    func descended(_ starts: [[Double]]) throws -> Solution<Tensor> {
      let count = starts.count
      let (a, c) = (Self.column(starts.map { _ in 1 }), Self.column(starts.map { _ in 100 }))
      var map = FixedPointMap { x in
        try x - gradient(at: x) { x in Self.rosenbrock(x, a, c).sum() }
      }
      map.loss = { x in Self.rosenbrock(x, a, c) }
      return try LBFGS(memory: memory).solve(
        map, from: Tensor(starts.flatMap { $0 }, shape: [count, 2], dtype: .float64),
        until: .tolerance(relative: 0, absolute: 1e-9, limit: 500).keepingTrace())
    }
    let together = try descended(starts)
    for (sample, start) in starts.enumerated() {
      let alone = try descended([start])
      #expect(
        alone.report.samples[0].trace == together.report.samples[sample].trace, "\(sample)")
    }
  }
}
