import Foundation
import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// The step of `minimum(over:)` where curvatures grow on the way.
@Suite struct GradientStepTests {
  static let solvers: [any ForwardSolver] = [.picard(), .anderson(), .automatic]

  /// e^x - c x is least at log c, where it curves by c; at the start by 1.
  private static func loss(_ c: Tensor) -> (Tensor) throws -> Tensor {
    { x in (x.exp() - x * c).sum(alongAxis: 1) }
  }

  @Test("curvatures that grow a thousandfold", arguments: solvers)
  func growingCurvature(_ solver: any ForwardSolver) throws {
    let c = Tensor([1000, 2, 30], shape: [3, 1], dtype: .float64).variable()
    let x = try minimum(
      of: Self.loss(c), over: .box(-1, 10), from: .zeros([3, 1], dtype: .float64), using: solver)
    #expect(difference(x.scalars, c.scalars.map { log($0) }, absolute: 1e-5) == nil)
    let slope = try #require(try gradients(of: x.sum())[c])
    #expect(difference(slope.scalars, c.scalars.map { 1 / $0 }, relative: 1e-3) == nil)
  }

  @Test("a step of one's own that is too long is named, and one that is not")
  func ownStep() throws {
    let c = Tensor([1000], shape: [1, 1], dtype: .float64)
    func solved(_ size: Double) throws -> Tensor {
      try minimum(
        of: Self.loss(c), over: .box(-1, 10), from: .ones([1, 1], dtype: .float64) * 6.5,
        stepSize: size, using: .picard())
    }
    let error = #expect(throws: UnconvergedSolve.self) { try solved(0.1) }
    let message = "\(try #require(error))"
    let match = try #require(
      try #/try stepSize: ([0-9.e-]+)/#.firstMatch(in: message), "\(message)")
    let advised = try #require(Double(match.output.1))
    #expect(abs(try solved(advised).scalar - log(1000)) < 1e-5, "\(advised)")
  }

  /// Steps along the gradient lead to a maximum: (x - 0.3)^2 is largest in the box at 1.
  @Test("a step of one's own that is not against the gradient is a mistake")
  func badStep() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try minimum(
        of: { x in (x - 0.3).square().sum(alongAxis: 1) }, over: .box(0, 1),
        from: .full(0.5, [1, 1], dtype: .float64), stepSize: -1)
    }
    let message = errorText(result)
    #expect(message.contains("has a positive size, not -1"), "\(message)")
  }
}
