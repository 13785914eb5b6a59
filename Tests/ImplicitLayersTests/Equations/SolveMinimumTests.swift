import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Minima with their reports, and the equation dL/dx = 0 with its loss.
@Suite struct SolveMinimumTests {
  /// (x^2 - a)^2 has minima at +-sqrt(a) and a maximum at 0.
  private static func wells(_ a: Tensor) -> (Tensor) throws -> Tensor {
    { x in (x.square() - a).square().sum(alongAxis: 1) }
  }
  private static func column(_ numbers: [Double]) -> Tensor {
    Tensor(numbers, shape: [numbers.count, 1], dtype: .float64)
  }

  @Test("the equation of a loss is descended", arguments: TestedSolver.descents)
  func stationary(_ tested: TestedSolver) throws {
    let a = Self.column([1, 4, 9]).variable()
    let start = Self.column([0.1, -0.2, 0.3])
    let found = try solve(.stationary(Self.wells(a)), from: start, using: tested.solver)
    #expect(found.report.converged)
    #expect(difference(found.value.scalars, [1, -2, 3], relative: 1e-6) == nil)
    let slope = try #require(try gradients(of: found.value.sum(), creatingGraph: true)[a])
    #expect(difference(slope.scalars, [1.0 / 2, -1.0 / 4, 1.0 / 6], relative: 1e-5) == nil)
    let bend = try #require(try gradients(of: slope.sum())[a])
    #expect(difference(bend.scalars, [-1.0 / 4, 1.0 / 32, -1.0 / 108], relative: 1e-4) == nil)
    let same = try minimum(of: Self.wells(a), from: start, using: tested.solver)
    #expect(same.scalars == found.value.scalars)
    let x = try solution(of: .stationary(Self.wells(a)), from: start, using: tested.solver)
    #expect(x.scalars == found.value.scalars)
  }

  @Test("a solver of equations finds the maximum beside it")
  func maximum() throws {
    let found = try solve(
      .stationary(Self.wells(Self.column([1]))), from: Self.column([0.1]), using: .newton())
    #expect(difference(found.value.scalars, [0], absolute: 1e-7) == nil)
  }

  @Test("a minimum without constraints, with its report")
  func free() throws {
    let a = Self.column([1, 4])
    let start = Self.column([0.5, 0.5])
    let found = try solveMinimum(of: Self.wells(a), from: start)
    #expect(found.report.converged && found.report.solver == LBFGS().name)
    #expect(found.report.samples.allSatisfy { $0.evaluations > 1 && $0.slope != nil })
    #expect(found.value.scalars == (try minimum(of: Self.wells(a), from: start)).scalars)
    // Within three evaluations nothing converges, which is an error of `minimum` alone.
    let rule = StoppingRule.accuracy(relative: 1e-12, limit: 3)
    let early = try solveMinimum(of: Self.wells(a), from: start, until: rule)
    #expect(early.report.failed == [0, 1] && early.report.samples(.limitReached) == [0, 1])
    let error = #expect(throws: UnconvergedSolve.self) {
      try minimum(of: Self.wells(a), from: start, until: rule)
    }
    let text = try #require(error).description
    #expect(text.hasPrefix("no minimum was found in 2 of 2 samples"), "\(text)")
    #expect(
      text.hasSuffix("call solveMinimum, which returns the report beside the value"), "\(text)")
  }

  private struct Pair: FixedPointState {
    var left: Tensor, right: Tensor
    init(_ left: Tensor, _ right: Tensor) { (self.left, self.right) = (left, right) }
    var tensors: [Tensor] { [left, right] }
    init(tensors: [Tensor]) { self.init(tensors[0], tensors[1]) }
  }

  @Test("a minimum over several tensors at once", arguments: TestedSolver.descents)
  func severalTensors(_ tested: TestedSolver) throws {
    // |x|^2 / 2 + |y|^2 / 2 + b (sum x) (sum y) - a (sum x), with x of two numbers and y of three:
    // sum x = 2 a / (1 - 6 b^2), y_j = -b sum x.
    let (a, b) = (Self.column([3, -1]).variable(), 0.25)
    let loss = { (z: Pair) -> Tensor in
      let (x, y) = (z.left.sum(alongAxis: 1), z.right.sum(alongAxes: [1, 2]))
      return (z.left.square().sum(alongAxis: 1) + z.right.square().sum(alongAxes: [1, 2])) * 0.5
        + x * y * b - x * a.reshaped([2])
    }
    let start = Pair(.zeros([2, 2], dtype: .float64), .zeros([2, 1, 3], dtype: .float64))
    let found = try minimum(of: loss, from: start, using: tested.solver)
    let totals = [3.0, -1].map { 2 * $0 / (1 - 6 * b * b) }
    #expect(found.left.shape == [2, 2] && found.right.shape == [2, 1, 3])
    #expect(difference(found.left.sum(alongAxis: 1).scalars, totals, relative: 1e-5) == nil)
    #expect(
      difference(
        found.right.scalars, totals.flatMap { Array(repeating: -b * $0, count: 3) },
        relative: 1e-5) == nil)
    let slope = try #require(try gradients(of: found.left.sum())[a])
    let expected = 2 / (1 - 6 * b * b)
    #expect(difference(slope.scalars, [expected, expected], relative: 1e-5) == nil)
    let same = try solve(.stationary(loss), from: start, using: tested.solver)
    #expect(same.value.left.scalars == found.left.scalars)
  }

  @Test("a minimum over a set, with its report")
  func overASet() throws {
    let c = Self.column([1000, 2]).variable()
    let loss = { (x: Tensor) in (x.exp() - x * c).sum(alongAxis: 1) }
    let start = Tensor.zeros([2, 1], dtype: .float64)
    let found = try solveMinimum(of: loss, over: .box(-1, 5), from: start)
    #expect(found.report.converged)
    // The bound holds for the first, whose minimum is at log 1000 = 6.9.
    #expect(difference(found.value.scalars, [5, log(2)], absolute: 1e-6) == nil)
    let slope = try #require(try gradients(of: found.value.sum())[c])
    #expect(difference(slope.scalars, [0, 0.5], absolute: 1e-4) == nil)
    #expect(
      found.value.scalars == (try minimum(of: loss, over: .box(-1, 5), from: start)).scalars)

    // A step that is too long for the first sample, and right for the second.
    let long = try solveMinimum(
      of: loss, over: .box(-1, 10), from: start, stepSize: 0.4, using: .picard())
    #expect(long.report.failed == [0])
    // The advice, which takes evaluations, is for the error of `minimum` alone.
    var evaluations = (reported: 0, advised: 0)
    let counted = { (x: Tensor) in
      evaluations.reported += 1
      return loss(x)
    }
    _ = try solveMinimum(
      of: counted, over: .box(-1, 10), from: start, stepSize: 0.4, using: .picard())
    let advising = { (x: Tensor) in
      evaluations.advised += 1
      return loss(x)
    }
    let error = #expect(throws: UnconvergedSolve.self) {
      try minimum(of: advising, over: .box(-1, 10), from: start, stepSize: 0.4, using: .picard())
    }
    #expect(try #require(error).description.contains("try stepSize:"))
    #expect(evaluations.reported < evaluations.advised)
    #expect(long.value.scalars.allSatisfy { -1...10 ~= $0 })
    #expect(abs(long.value.scalars[1] - log(2)) < 1e-5)
  }

  @Test("a minimum under equations, with its report")
  func underEquations() throws {
    let b = Self.column([3, 6])
    let norm = { (x: Tensor) in (x.square() * 0.5).sum(alongAxis: 1) }
    let sum = { (x: Tensor) in x.sum(alongAxis: 1, keepingAxis: true) - b }
    let start = Tensor.ones([2, 3], dtype: .float64)
    let found = try solveMinimum(of: norm, subjectTo: sum, from: start)
    #expect(found.report.converged)
    #expect(difference(found.value.x.scalars, [1, 1, 1, 2, 2, 2], absolute: 1e-7) == nil)
    #expect(difference(found.value.multipliers.scalars, [-1, -2], absolute: 1e-7) == nil)
    // x^2 = -1 has no solution.
    let none = try solveMinimum(
      of: norm, subjectTo: { x in x.square().sum(alongAxis: 1, keepingAxis: true) + 1 },
      from: start)
    #expect(none.report.failed == [0, 1])
  }

  @Test("a map that may be restricted, with its report")
  func restrictedMap() throws {
    let a = Self.column([0.1, 0.9])
    let b = Self.column([1, 2]).variable()
    let map = FixedPointMap({ z in z * a + b }) { positions in
      let (a, b) = (a.samples(positions), b.samples(positions))
      return { z in z * a + b }
    }
    let start = Self.column([0, 0])
    let rule = StoppingRule.tolerance(relative: 1e-10, limit: 400)
    let found = try solveFixedPoint(of: map, from: start, until: rule)
    #expect(found.report.converged)
    #expect(found.report.sampleEvaluations < found.report.evaluations * 2 - 100)
    #expect(difference(found.value.scalars, [1 / 0.9, 20], relative: 1e-8) == nil)
    let gradient = try #require(try gradients(of: found.value.sum())[b])
    #expect(difference(gradient.scalars, [1 / 0.9, 10], relative: 1e-12) == nil)
    #expect(found.value.scalars == (try fixedPoint(of: map, from: start, until: rule)).scalars)
    let early = try solveFixedPoint(of: map, from: start)
    #expect(early.report.failed == [1])
    #expect(throws: UnconvergedSolve.self) { try fixedPoint(of: map, from: start) }
  }
}
