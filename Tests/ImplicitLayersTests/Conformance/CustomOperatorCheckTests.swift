import ConformanceChecks
import ImplicitLayers
import Tensors
import TestSupport
import Testing

private struct Cell: FixedPointLayer {
  let w: Tensor
  let activation: CustomOperator
  var estimator: any BackwardEstimator = .exact
  var stoppingRule = StoppingRule.tolerance(relative: 1e-11, limit: 300)
  func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
  func step(_ z: Tensor, given x: Tensor) throws -> Tensor { try activation(z.matmul(w) + x) }
}

/// The checks that ship tell a right rule of a custom operator from a wrong one.
@Suite struct CustomOperatorCheckTests {
  private let right = CustomOperator("tangent") {
    $0[0].tanh()
  } pullback: { v, _, y in
    [v * (1 - y.square())]
  }
  private let wrong = CustomOperator("tangent") {
    $0[0].tanh()
  } pullback: { v, _, y in
    [v * (1 - y)]
  }
  /// Right itself, but its own derivative is lost: half of the rule is a constant.
  private let wrongAgain = CustomOperator("tangent") {
    $0[0].tanh()
  } pullback: { v, _, y in
    [v * (1 - y * y.detached())]
  }
  /// Right, by numbers that were taken out of the tape, and it says so.
  private let opaque = CustomOperator("tangent", differentiatesAgain: false) {
    $0[0].tanh()
  } pullback: { v, _, y in
    [v * Tensor(y.scalars.map { 1 - $0 * $0 }, shape: y.shape, dtype: y.dtype)]
  }
  private let w = testTensor([5, 5], seed: 2, scale: 0.4)
  private let x = testTensor([3, 5], seed: 3)

  private func check(
    _ activation: CustomOperator, _ estimator: any BackwardEstimator = .exact
  ) throws -> GradientCheck {
    try checkGradient(at: [("w", w), ("x", x)]) {
      (Cell(w: $0[0], activation: activation, estimator: estimator), $0[1])
    }
  }

  @Test func aLayerWithARightRulePasses() throws {
    #expect(try check(right).passed)
    #expect(try check(right, .gmres(tolerance: 1e-10)).passed)
    #expect(try check(opaque).passed)
  }

  @Test func aWrongRuleIsAWrongDerivative() throws {
    for entry in try check(wrong).entries {
      guard case .wrongDerivative = entry.verdict else {
        Issue.record("\(entry.name): \(entry.verdict)")
        continue
      }
    }
  }

  @Test func theRulesOwnDerivativeIsCheckedByDifferentiatingInside() throws {
    func failures(_ operation: CustomOperator) throws -> [String] {
      try GradientChecks(at: [x]) { points in
        try gradient(at: points[0]) { try operation($0).sum() }.square().sum()
      }.failures()
    }
    #expect(try failures(right).isEmpty)
    #expect(try !failures(wrongAgain).isEmpty)
    #expect(try GradientChecks(at: [x]) { try wrongAgain($0[0]).sum() }.failures().isEmpty)
  }

  @Test func secondDerivativesGoThroughASolve() throws {
    let loss = { (activation: CustomOperator) in
      { (w: Tensor) in try Cell(w: w, activation: activation)(x).square().sum() }
    }
    let plain = CustomOperator("plain") {
      $0[0].tanh()
    } pullback: { v, x, _ in
      [v * (1 - x[0].tanh().square())]
    }
    let products = try [right, plain].map {
      try hessianVectorProduct(at: w, along: w, of: loss($0))
    }
    #expect(difference(products[0], products[1], relative: 1e-9) == nil)
    let differences = try jvp(at: w, along: w) { try gradient(at: $0, of: loss(right)) }.derivative
    #expect(difference(products[0], differences, relative: 1e-8) == nil)
  }
}
