import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Solvers that take no derivatives solve equations that have none, or of which nothing is recorded.
@Suite struct OpaqueFunctionTests {
  static let solvers = TestedSolver.defaults.filter { !$0.takesDerivatives }.map(\.solver)

  private static func column(_ numbers: [Double], _ dtype: DType = .float64) -> Tensor {
    Tensor(numbers, shape: [numbers.count, 1], dtype: dtype)
  }

  /// A function of plain numbers, of which the tape sees nothing.
  private static func plain(_ f: @escaping (Double) -> Double) -> (Tensor) -> Tensor {
    { x in Tensor(x.scalars.map(f), shape: x.shape, dtype: x.dtype) }
  }

  /// `singularValues` stops the program where its operand is recorded.
  @Test("operators without a derivative", arguments: solvers)
  func withoutDerivative(_ solver: any ForwardSolver) throws {
    let x = try withoutRecording {
      // |x| + x / 4 = 5 / 4, the norm being the only singular value of a sample's row.
      try root(
        of: { x in
          let norms = try (0..<x.shape[0]).map { try x.slice($0..<$0 + 1).singularValues() }
          return Tensor.concatenated(norms).reshaped(x.shape) + x * 0.25 - 1.25
        }, from: Self.column([0.5, 3, 0.9]), using: solver)
    }
    #expect(difference(x.scalars, [1, 1, 1], relative: 2e-6) == nil, "\(solver.name)")
  }

  @Test("nothing is recorded of the function", arguments: solvers + [.lbfgs()])
  func isOnlyEvaluated(_ solver: any ForwardSolver) throws {
    var wasRecorded = false
    let target = Self.column([0.3, 0.7])
    if solver is LBFGS {
      // The gradient of the loss is recorded, but not its own.
      let found = try withoutRecording {
        try minimum(
          of: { x in (x - target).square().sum(alongAxis: 1) }, from: Self.column([0, 0]),
          using: solver)
      }
      #expect(difference(found.scalars, target.scalars, relative: 2e-6) == nil)
      return
    }
    let found = try withoutRecording {
      try solve(
        .root { x in
          wasRecorded = wasRecorded || x.isRecorded
          return x.tanh() - target
        }, from: Self.column([0, 0]), using: solver)
    }
    #expect(found.report.converged && !wasRecorded, "\(solver.name)")
    #expect(found.report.jacobianProducts == 0)
  }

  /// A derivative of a function of plain numbers would be 0, whatever the function.
  @Test(
    "the slope at a start that solves it already", arguments: [1e-11, 1e-3, 1, 1e6], solvers)
  func slopeAtTheStart(_ scale: Double, _ solver: any ForwardSolver) throws {
    let start = Self.column([sqrt(2.0), 100 * sqrt(2.0)])
    let g = Self.plain { x in scale * (x * x - (x > 10 ? 20000 : 2)) }
    let found = try withoutRecording { try solve(.root(g), from: start, using: solver) }
    #expect(found.report.samples.map(\.outcome) == [.converged, .converged], "\(found.report)")
    #expect(found.value.scalars == start.scalars)
    // The start, the ends of two chords, and F itself at each of them where F is small.
    #expect(found.report.evaluations <= 6, "\(solver.name): \(found.report.evaluations)")
    let slopes = found.report.samples.compactMap(\.slope)
    #expect(difference(slopes, start.scalars.map { 2 * $0 * scale }, relative: 1e-3) == nil)
  }

  @Test("a start nearby is not taken for a solution", arguments: [1e-9, 1e-3, 1, 1e6], solvers)
  func startNearby(_ scale: Double, _ solver: any ForwardSolver) throws {
    let start = Self.column([sqrt(2.0) * (1 + 1e-4)])
    let found = try withoutRecording {
      try solve(
        .root(Self.plain { x in scale * (x * x - 2) }), from: start, using: solver,
        until: .accuracy(relative: 1e-6, absolute: 1e-8, limit: 1))
    }
    #expect(found.report.failed == [0], "\(solver.name)")
  }

  @Test("a function that bends close by is not judged by the steeper side", arguments: solvers)
  func bends(_ solver: any ForwardSolver) throws {
    let cases: [(start: Double, dtype: DType, function: @Sendable (Double) -> Double)] = [
      (0.9998, .float32, { exp(1000 * ($0 - 1)) - 1 }),
      (0.999, .float32, { $0 < 1 ? $0 - 1 : 1e4 * ($0 - 1) }),
      (1 - 7e-6, .float64, { $0 < 1 ? $0 - 1 : 1e4 * ($0 - 1) }),
    ]
    for (start, dtype, function) in cases {
      let found = try withoutRecording {
        try solve(
          .root(Self.plain(function)), from: Self.column([start], dtype), using: solver,
          until: .accuracy(relative: 1e-6, absolute: 1e-8, limit: 1))
      }
      #expect(found.report.failed == [0], "\(solver.name) from \(start)")
    }
  }

  @Test("single precision, from 0 and from where the function ends", arguments: solvers)
  func singleAndEdges(_ solver: any ForwardSolver) throws {
    try withoutRecording {
      for dtype in [DType.float32, .float64] {
        let x = try root(
          of: Self.plain { x in 0.5 * (x - cos(x)) }, from: Self.column([0, 1], dtype),
          using: solver, until: .accuracy(relative: 1e-5, absolute: 1e-7, limit: 200))
        #expect(
          difference(x.scalars, [0.7390851332151607, 0.7390851332151607], relative: 3e-5) == nil)
        // sqrt(x) = 1 / 2 from 0, where the slope is infinite and there is nothing below.
        let y = try solve(
          .root(Self.plain { x in x.squareRoot() - 0.5 }), from: Self.column([0], dtype),
          using: solver, until: .accuracy(relative: 1e-5, absolute: 1e-7, limit: 200))
        #expect(
          y.report.failed == [0] || difference(y.value.scalars, [0.25], relative: 3e-5) == nil,
          "\(solver.name)")
      }
    }
  }
}
