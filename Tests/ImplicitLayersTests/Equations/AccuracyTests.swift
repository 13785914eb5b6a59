import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// The rule for equations does not depend on their units.
@Suite struct AccuracyTests {
  static let scales = [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6]
  static let solvers = TestedSolver.defaults.filter(\.takesDerivatives)

  private static func column(_ numbers: [Double], _ dtype: DType = .float64) -> Tensor {
    Tensor(numbers, shape: [numbers.count, 1], dtype: dtype)
  }

  @Test("x^2 = a in any units, from any side", arguments: scales, solvers)
  func anyUnits(_ scale: Double, _ tested: TestedSolver) throws {
    let a = Self.column([2, 1e6, 1e-6, 4]).variable()
    let found = try solve(
      .root { x in (x * x - a) * scale }, from: Self.column([1, 1e5, 1, 2.1]),
      using: tested.solver)
    let exact = a.scalars.map { $0.squareRoot() }
    #expect(found.report.converged, "\(found.report)")
    // Beside 1e-3, the absolute part counts; g is known to the rounding of x.
    #expect(difference(found.value.scalars, exact, relative: 2e-6, absolute: 1e-7) == nil)
    let slopes = found.report.samples.compactMap(\.slope)
    #expect(difference(slopes, exact.map { 2 * $0 * scale }, relative: 0.3) == nil)
    let slope = try #require(try gradients(of: found.value.sum())[a]).scalars
    #expect(difference(slope, exact.map { 0.5 / $0 }, relative: 1e-4) == nil)
  }

  @Test("a solution is accepted where the search begins, in any units", arguments: scales, solvers)
  func solvedAlready(_ scale: Double, _ tested: TestedSolver) throws {
    let start = Self.column([sqrt(2.0), 3])
    let a = Self.column([2, 9])
    let found = try solve(.root { x in (x * x - a) * scale }, from: start, using: tested.solver)
    #expect(found.report.samples.map(\.outcome) == [.converged, .converged])
    #expect(found.value.scalars == start.scalars)
    // The iterate and the linearisation there.
    #expect(found.report.evaluations == 2)
  }

  /// From 100 the first residual is 1e6, and a millionth of that is no solution.
  @Test("a start far away makes the rule no looser", arguments: solvers)
  func farAway(_ tested: TestedSolver) throws {
    let x = try root(of: { x in x * x * x - 2 }, from: Self.column([100, 1]), using: tested.solver)
    #expect(difference(x.scalars, [1, 1].map { $0 * 1.2599210498948732 }, relative: 2e-6) == nil)
  }

  /// After a step along the direction in which F changes most, what is left is due to another.
  @Test(
    "directions in which F changes little",
    arguments: TestedSolver.all.filter { $0.foundRoots != nil })
  func softDirections(_ tested: TestedSolver) throws {
    let problem = try #require(
      PublishedProblem.roots.first { $0.name == "Powell, badly scaled" })
    let exact = problem.solutions[0]
    let equations = problem.equations
    let found = try solve(
      .root { equations($0) },
      from: Tensor(problem.initial, shape: [1, exact.count], dtype: .float64),
      using: tested.solver, until: .accuracy(relative: 1e-6, absolute: 1e-8, limit: 1000))
    guard found.report.converged else { return }
    let size = exact.map { $0 * $0 }.reduce(0, +).squareRoot()
    let gaps = zip(found.value.scalars, exact).map { ($0 - $1) * ($0 - $1) }
    #expect(gaps.reduce(0, +).squareRoot() < 1e-5 * size, "\(found.value.scalars)")
  }

  @Test("what has no solution is not accepted where it is flat", arguments: solvers)
  func flat(_ tested: TestedSolver) throws {
    let found = try solve(
      .root { x in Self.column([0, 0]) - (x * -1).exp() }, from: Self.column([0, 5]),
      using: tested.solver)
    #expect(found.report.failed == [0, 1], "\(found.report)")
  }

  @Test("an equation that x does not resolve is not solved, and the report says what to do")
  func unresolved() throws {
    for (dtype, scale, advice) in [
      (DType.float64, 1e-20, "large number"), (.float32, 1e-5, "multiply the equation by about"),
    ] {
      let a = Self.column([2], dtype)
      let found = try solve(
        .root { x in (x * x - a) * scale }, from: Self.column([1], dtype), using: .newton())
      #expect(found.report.failed == [0], "\(dtype)")
      #expect("\(found.report)".contains(advice), "\(found.report)")
    }
  }

  @Test("single precision", arguments: [1e-2, 1, 1e2, 1e4])
  func single(_ scale: Double) throws {
    let a = Self.column([2, 3e4], .float32)
    let x = try root(
      of: { x in (x * x - a) * scale }, from: Self.column([1, 100], .float32),
      until: .accuracy(relative: 1e-5, absolute: 1e-8, limit: 100))
    #expect(difference(x.scalars, [sqrt(2.0), sqrt(3e4)], relative: 2e-5) == nil)
  }

  @Test(
    "a minimum of a loss in any units", arguments: [1e-8, 1, 1e4], TestedSolver.descents)
  func minima(_ scale: Double, _ tested: TestedSolver) throws {
    let a = Self.column([1, 1.5]).variable()
    let x = try minimum(
      of: { x in
        let (u, v) = (x.slice(0..<1, alongAxis: 1), x.slice(1..<2, alongAxis: 1))
        return ((v - u.square()).square() * 10 + (a - u).square()).sum(alongAxis: 1) * scale
      }, from: Tensor([-1.2, 1, -1.2, 1], shape: [2, 2], dtype: .float64), using: tested.solver)
    #expect(difference(x.scalars, [1, 1, 1.5, 2.25], relative: 1e-4) == nil)
  }

  @Test("a point of one's own is judged in any units", arguments: scales)
  func ownPoint(_ scale: Double) throws {
    let a = Self.column([2, 9])
    let equation = Equation<Tensor>.root { x in (x * x - a) * scale }
    let right = Self.column([sqrt(2.0) * (1 + 1e-7), 3])
    #expect(try right.asSolution(of: equation).scalars == right.scalars)
    let error = #expect(throws: UnconvergedSolve.self) {
      try Self.column([sqrt(2.0) * (1 + 1e-3), 3]).asSolution(of: equation)
    }
    #expect(error?.report.failed == [0])
  }

  /// Samples that are done leave, and the slopes of the others stay with them.
  @Test func samplesThatLeave() throws {
    let (a, starts) = ([2.0, 1e4, 3, 5], [1.4142135, 1.0, 50, 2])
    func solved(_ a: [Double], _ starts: [Double]) throws -> Solution<Tensor> {
      let column = Self.column(a)
      let map = FixedPointMap({ x in x - (x * x - column) * 1e-3 }) { positions in
        let some = column.samples(positions)
        return { x in x - (x * x - some) * 1e-3 }
      }
      return try Newton().solve(
        map, from: Self.column(starts), until: .accuracy(relative: 1e-9, limit: 100))
    }
    let together = try solved(a, starts)
    for sample in a.indices {
      let alone = try solved([a[sample]], [starts[sample]])
      #expect(alone.value.scalars[0] == together.value.scalars[sample])
      #expect(alone.report.samples[0].slope == together.report.samples[sample].slope)
    }
  }

  @Test("a start where g is steep is not taken for a solution")
  func steepStarts() throws {
    let cases: [(g: (Tensor) -> Tensor, start: Double, root: Double)] = [
      ({ $0.log() }, 1e-10, 1), ({ $0.sqrt() - 1 }, 0, 1), ({ $0.asin() - 1 }, 1, 0.8414709848),
    ]
    for (g, start, expected) in cases {
      do {
        let found = try root(of: g, from: Self.column([start])).scalars[0]
        #expect(abs(found - expected) < 1e-5, "from \(start): \(found)")
      } catch is UnconvergedSolve {
        // It may say that it has not found one.
      }
    }
  }

  /// F = x^3 + x - a changes by 1 of x near 0, so that 1e-17 is 1e-17 away from a solution.
  @Test("a solution near 0 is accepted where the search begins", arguments: TestedSolver.defaults)
  func nearZero(_ tested: TestedSolver) throws {
    let a = Self.column([0, 0, 0, 0]).variable()
    let start = Self.column([1e-17, -1e-12, 5e-9, 0])
    let g = { (x: Tensor) in x * x * x + x - a }
    let found = try solve(.root(g), from: start, using: tested.solver)
    #expect(found.report.converged, "\(found.report)")
    #expect(found.value.scalars == start.scalars)
    let slope = try #require(try gradients(of: found.value.sum())[a]).scalars
    #expect(difference(slope, [1, 1, 1, 1], relative: 1e-6) == nil)
    let own = try start.asSolution(of: .root(g))
    #expect(own.scalars == start.scalars)
    // Scaled, and of several unknowns: |x| <= 1e-8.
    let pair = Tensor([6e-9, -7e-9], shape: [1, 2], dtype: .float64)
    let scaled = try pair.asSolution(of: .root { x in x.sinh() * 1e4 })
    #expect(scaled.scalars == pair.scalars)
  }

  @Test("a point near 0 that is no solution is refused, and the advice is for those who solve it")
  func notNearZero() throws {
    for (start, equation) in [
      (1e-7, .root { x in x * x * x + x }), (1e-10, .root { x in x.log() }),
      (0, .root { x in x.sqrt() - 1 }), (1e-12, .root { x in x.sqrt() - 0.1 }),
    ] as [(Double, Equation<Tensor>)] {
      for absolute in start < 1e-9 ? [1e-8, 1e-6, 1e-4] : [1e-8] {
        let error = #expect(throws: UnconvergedSolve.self) {
          try Self.column([start]).asSolution(of: equation, absolute: absolute)
        }
        #expect(error?.report.failed == [0])
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("find it more accurately"), "\(text)")
        #expect(!text.contains("evaluations") && !text.contains("large number"), "\(text)")
      }
    }
  }

  @Test("the first chord between iterates counts where the start has no slope")
  func firstChord() throws {
    struct Jump: ForwardSolver {
      func next(after point: Iterate, _ history: inout NoHistory) -> Tensor { point.z * 1e-12 }
    }
    // Beside 1 there is no value, so that no chord begins there.
    let g = { (x: Tensor) in
      Tensor(
        x.scalars.map { $0 < 0.9 ? $0 : $0 == 1 ? 1 : .nan }, shape: x.shape, dtype: x.dtype)
    }
    let found = try withoutRecording {
      try solve(.root(g), from: Self.column([1]), using: Jump())
    }
    #expect(found.report.converged && found.value.scalars == [1e-12], "\(found.report)")
    #expect(found.report.samples[0].slope == 1)
  }
}
