import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

private let tight = StoppingRule.tolerance(relative: 1e-14, absolute: 1e-14, limit: 500)

/// Equations g(x; theta) = 0 and solutions that were found elsewhere.
@Suite struct RootTests {
  private static let a = Tensor([2, 10, -30], shape: [3, 1], dtype: .float64)

  /// x^3 + x = a, so that dx/da = 1 / (3 x^2 + 1) and d^2x/da^2 = -6 x / (3 x^2 + 1)^3.
  @Test(
    "a cubic, with its first and second derivative",
    arguments: TestedSolver.all.filter { $0.foundRoots != nil })
  func cubic(_ tested: TestedSolver) throws {
    let a = Self.a.variable()
    // A tenth of it, so that a fixed-point step is no leap.
    let x = try root(
      of: { x in (x * x * x + x - a) * 0.1 }, from: Self.a * 0.1, using: tested.solver,
      until: tight)
    let values = x.scalars
    for (x, a) in zip(values, Self.a.scalars) { #expect(abs(x * x * x + x - a) < 1e-11) }
    let first = try #require(try gradients(of: x.sum(), creatingGraph: true)[a])
    let second = try #require(try gradients(of: first.sum())[a])
    #expect(difference(first.scalars, values.map { 1 / (3 * $0 * $0 + 1) }, relative: 1e-10) == nil)
    #expect(
      difference(second.scalars, values.map { -6 * $0 / pow(3 * $0 * $0 + 1, 3) }, relative: 1e-9)
        == nil)
  }

  @Test("a solver of one's own, differentiated by the condition")
  func ownSolver() throws {
    let a = Tensor([2, 9], shape: [2, 1], dtype: .float64).variable()
    // Heron's method on plain numbers: nothing of it is recorded.
    let found = a.scalars.map { a in (0..<60).reduce(a) { x, _ in (x + a / x) / 2 } }
    let point = Tensor(found, shape: [2, 1], dtype: .float64)
    let x = try point.asSolution(of: .root { x in x * x - a })
    #expect(x.scalars == found)
    let first = try #require(try gradients(of: x.sum(), creatingGraph: true)[a])
    let second = try #require(try gradients(of: first.sum())[a])
    #expect(difference(first.scalars, found.map { 0.5 / $0 }, relative: 1e-12) == nil)
    #expect(difference(second.scalars, found.map { -0.25 / pow($0, 3) }, relative: 1e-12) == nil)
  }

  @Test("what does not solve the equation is no solution")
  func noSolution() throws {
    let a = Tensor([2], shape: [1, 1], dtype: .float64).variable()
    let wrong = Tensor([1.5], shape: [1, 1], dtype: .float64)
    #expect(throws: UnconvergedSolve.self) {
      try wrong.asSolution(of: .root { x in x * x - a })
    }
  }

  private struct Pair: FixedPointState {
    var u: Tensor
    var v: Tensor
    var tensors: [Tensor] { [u, v] }
    init(u: Tensor, v: Tensor) { (self.u, self.v) = (u, v) }
    init(tensors: [Tensor]) { (u, v) = (tensors[0], tensors[1]) }
  }

  /// u + v = s, u v = p: the roots of t^2 - s t + p.
  @Test("several tensors are one unknown", arguments: [true, false])
  func severalTensors(_ isDense: Bool) throws {
    let column = { (x: Double) in Tensor([x], shape: [1, 1], dtype: .float64) }
    let (s, p) = (column(5).variable(), column(6).variable())
    let pair = try root(
      of: { pair in Pair(u: pair.u + pair.v - s, v: pair.u * pair.v - p) },
      from: Pair(u: column(4), v: column(1)), using: isDense ? .newton() : .newtonKrylov(),
      until: tight)
    #expect(abs(pair.u.scalar - 3) < 1e-12 && abs(pair.v.scalar - 2) < 1e-12)
    let table = try gradients(of: pair.u.sum())
    // du/ds = u / (u - v), du/dp = -1 / (u - v).
    #expect(abs(try #require(table[s]).scalar - 3) < 1e-10)
    #expect(abs(try #require(table[p]).scalar + 1) < 1e-10)
  }

  /// -x_{i-1} + (2 + h) x_i - x_{i+1} + x_i^3 = b_i.
  private static func tridiagonal(_ x: Tensor, _ b: Tensor) -> Tensor {
    let n = x.shape[1]
    let padded = x.padded(before: 1, to: n + 2, alongAxis: 1)
    let (left, right) = (padded.slice(0..<n, alongAxis: 1), padded.slice(2..<n + 2, alongAxis: 1))
    return x * 2.5 - left - right + x * x * x - b
  }

  @Test("a band takes as many pullbacks as it is wide, and one to check")
  func band() throws {
    let b = testTensor([2, 30], seed: 6).variable()
    let structure = JacobianStructure.banded(lower: 1, upper: 1)
    func gradient(
      _ solver: any ForwardSolver, _ estimator: any BackwardEstimator
    ) throws -> (first: Tensor, second: Tensor, report: BackwardReport) {
      let found = try solve(
        .root { x in Self.tridiagonal(x, b) }, from: b.zerosLike(), using: solver,
        estimator: estimator, until: tight)
      let table = try gradients(of: found.value.square().sum(), creatingGraph: true)
      let first = try #require(table[b])
      let second = try #require(try gradients(of: first.square().sum(), retainingGraph: true)[b])
      let plain = try gradients(of: found.value.square().sum())
      return (first.detached(), second, try #require(plain.backwardReport(of: found)))
    }
    let banded = try gradient(.newton(structure: structure), .exact(structure: structure))
    let dense = try gradient(.newton(), .exact)
    #expect(banded.report.pullbacks == 4 && dense.report.pullbacks == 30)
    #expect(difference(banded.first, dense.first, relative: 1e-11) == nil)
    #expect(difference(banded.second, dense.second, relative: 1e-10) == nil)
  }

  @Test("entries outside of the structure are an error")
  func wrongStructure() throws {
    let b = testTensor([2, 6], seed: 6).variable()
    let x = try root(
      of: { x in Self.tridiagonal(x, b) }, from: b.zerosLike(),
      estimator: .exact(structure: .banded(lower: 1, upper: 0)), until: tight)
    #expect(throws: WrongStructure.self) { try gradients(of: x.sum()) }
  }

  @Test("every structure assembles the Jacobian")
  func structures() throws {
    let weight = testTensor([6, 6], seed: 2)
    func check(_ structure: JacobianStructure, _ mask: [Double], pullbacks: Int) throws {
      let w = weight * Tensor(mask, shape: [6, 6], dtype: .float64)
      var count = 0
      let found = try jacobiansOfSamples(like: testTensor([2, 6]), structure: structure) { v in
        count += 1
        return v.matmul(w)
      }
      let exact = try jacobiansOfSamples(like: testTensor([2, 6])) { v in v.matmul(w) }
      #expect(found.scalars == exact.scalars && count == pullbacks, "\(structure)")
    }
    let cell = { (i: Int, j: Int, isIn: Bool) in isIn ? 1.0 : 0 }
    func mask(_ isIn: (Int, Int) -> Bool) -> [Double] {
      (0..<36).map { cell($0 / 6, $0 % 6, isIn($0 / 6, $0 % 6)) }
    }
    try check(.dense, mask { _, _ in true }, pullbacks: 6)
    try check(.banded(lower: 2, upper: 0), mask { $1 <= $0 && $1 >= $0 - 2 }, pullbacks: 3)
    try check(.blockDiagonal(size: 2), mask { $0 / 2 == $1 / 2 }, pullbacks: 2)
    let columns = [[0], [1, 5], [2], [0, 3], [4], [5]]
    try check(.sparse(columns: columns), mask { columns[$0].contains($1) }, pullbacks: 2)
  }

  @Test("a preconditioner of one's own saves applications, at every order")
  func preconditioner() throws {
    // J = diag(d) + small: 1 / (1 - d) is nearly (I - J^T)^-1.
    let n = 40
    let diagonal = (0..<n).map { 0.98 * cos(Double($0)) }
    let d = Tensor(diagonal, shape: [1, n], dtype: .float64)
    let inverse = Tensor(diagonal.map { 1 / (1 - $0) }, shape: [1, n], dtype: .float64)
    let coupling = testTensor([n, n], seed: 4, scale: 0.002)
    func found(_ estimator: any BackwardEstimator) throws -> (Tensor, Int) {
      let b = testTensor([2, n], seed: 5).variable()
      let solution = try solveFixedPoint(
        from: b.zerosLike(), using: .newtonKrylov(), estimator: estimator, until: tight
      ) { (z: Tensor) in z * d + z.matmul(coupling).sin() + b }
      let table = try gradients(of: solution.value.sin().sum(), creatingGraph: true)
      let first = try #require(table[b])
      let second = try #require(try gradients(of: first.square().sum(), retainingGraph: true)[b])
      let plain = try gradients(of: solution.value.sin().sum())
      return (second, try #require(plain.backwardReport(of: solution)).pullbacks)
    }
    let (exact, _) = try found(.exact)
    let (plain, products) = try found(.gmres(tolerance: 1e-12, dimension: 50))
    let (helped, fewer) = try found(
      .gmres(tolerance: 1e-12, dimension: 50, preconditioner: { $0 * inverse }))
    #expect(difference(plain, exact, relative: 1e-8) == nil)
    #expect(difference(helped, exact, relative: 1e-8) == nil)
    #expect(2 * fewer < products, "\(fewer) of \(products)")
  }

  /// g = x + x^2 - a with a = 0: dg/dx = 1 at the solution, whatever the last residual.
  @Test("a rule that is absolute alone finds a solution at 0 regular")
  func absoluteRule() throws {
    let a = Tensor([0], shape: [1, 1], dtype: .float64).variable()
    let x = try root(
      of: { x in x + x * x - a }, from: Tensor([0.1], shape: [1, 1], dtype: .float64),
      using: .newton(), until: .tolerance(relative: 0, absolute: 1e-8, limit: 50))
    #expect(abs(try #require(try gradients(of: x.sum())[a]).scalar - 1) < 1e-6)
  }
}
