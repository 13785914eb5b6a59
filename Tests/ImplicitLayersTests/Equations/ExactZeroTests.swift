import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Where F is exactly 0 in every entry, x is a solution whatever the slope.
@Suite struct ExactZeroTests {
  static let solvers = TestedSolver.defaults

  private static func column(_ numbers: [Double], _ dtype: DType = .float64) -> Tensor {
    Tensor(numbers, shape: [numbers.count, 1], dtype: dtype)
  }

  /// The equations of both are flat where the search begins.
  @Test(
    "x^2 = 0 from 0 and relu(x)^2 = 0 from -1", arguments: solvers, [DType.float32, .float64])
  func flat(_ tested: TestedSolver, _ dtype: DType) throws {
    let a = Tensor(1, dtype: dtype).variable()
    for (start, g) in [
      (0.0, { (x: Tensor) in a * x.square() }), (-1.0, { (x: Tensor) in a * x.relu().square() }),
    ] {
      let initial = Self.column([start, start], dtype)
      let found = try solve(.root(g), from: initial, using: tested.solver)
      #expect(found.report.converged, "\(tested): \(found.report)")
      #expect(found.value.scalars == initial.scalars)
      // The iterate, what tells the slope, and F alone.
      #expect(found.report.evaluations <= 4, "\(tested): \(found.report.evaluations)")
      let error = #expect(throws: BackwardFailure.self) { try gradients(of: found.value.sum()) }
      #expect(error.map { "\($0)".contains("singular") } == true, "\(error as Any)")
    }
  }

  @Test("also of a condition that is a map, at 0, where nothing is rounded", arguments: solvers)
  func mapAtZero(_ tested: TestedSolver) throws {
    let found = try solve(
      .fixedPoint { x in x - x.square() }, from: Self.column([0, 0]), using: tested.solver)
    #expect(found.report.converged, "\(tested): \(found.report)")
  }

  @Test("only the samples in which every entry is 0", arguments: solvers)
  func everyEntry(_ tested: TestedSolver) throws {
    let start = Tensor([-1, -1, -1, 2], shape: [2, 2], dtype: .float64)
    let found = try solve(
      .root { x in x.relu().square() }, from: start, using: tested.solver,
      until: .accuracy(relative: 1e-6, absolute: 1e-8, limit: 3))
    #expect(found.report.samples.map(\.outcome) == [.converged, .limitReached], "\(tested)")
  }

  @Test("an F that adding x rounds to 0 is no zero", arguments: solvers)
  func roundedAway(_ tested: TestedSolver) throws {
    let found = try solve(
      .root { x in (x.square() - 2) * 1e-20 }, from: Self.column([1]), using: tested.solver)
    #expect(found.report.failed == [0], "\(tested)")
  }

  @Test("a point of one's own, and a state of several tensors")
  func others() throws {
    let x = try Self.column([-1]).asSolution(of: .root { x in x.relu().square() })
    #expect(x.scalars == [-1])
    let point = try root(
      of: { p in ConstrainedPoint(tensors: [p.x.relu().square(), p.multipliers.square()]) },
      from: ConstrainedPoint(tensors: [Self.column([-2]), Self.column([0])]))
    #expect(point.x.scalars == [-2] && point.multipliers.scalars == [0])
  }

  @Test("a minimum that is flat", arguments: TestedSolver.descents)
  func flatMinimum(_ tested: TestedSolver) throws {
    let least = try minimum(
      of: { x in x.relu().square().square().sum(alongAxis: 1) }, from: Self.column([-3]),
      using: tested.solver)
    #expect(least.scalars == [-3])
  }
}
