import ConformanceChecks
import ImplicitLayers
import Tensors

/// Docs/HowTo/WriteACustomOperator.md.
func customOperators() throws {
  // snippet.operator
  // log(1 + e^x): the tape would find e^x / (1 + e^x), which is NaN for large x.
  let softplus = CustomOperator("softplus") { x in
    (1 + x[0].exp()).log()
  } pullback: { v, x, _ in
    [v * x[0].sigmoid()]
  }
  let x = Tensor([-1, 0, 800], dtype: .float64)
  print(try gradient(at: x) { (1 + $0.exp()).log().sum() })
  print(try gradient(at: x) { try softplus($0).sum() })
  // snippet.end

  // snippet.again
  print(
    try gradient(at: x) { x in
      try gradient(at: x) { try softplus($0).sum() }.sum()
    })
  // snippet.end

  // snippet.checks
  let point = Tensor([-1, 0.3, 2], dtype: .float64)
  let wrong = CustomOperator("wrong") {
    $0[0].square()
  } pullback: { v, x, _ in
    [v * x[0]]
  }
  let right = try GradientChecks(at: [point]) { try softplus($0[0]).sum() }.failures()
  let second = try GradientChecks(at: [point]) { points in
    try gradient(at: points[0]) { try softplus($0).sum() }.square().sum()
  }.failures()
  let failures = try GradientChecks(at: [point]) { try wrong($0[0]).sum() }.failures()
  print(right.isEmpty, second.isEmpty, failures.isEmpty)
  // snippet.end

  // snippet.cell
  struct Cell: FixedPointLayer {
    let scale: Tensor
    let activation: CustomOperator
    var estimator: any BackwardEstimator = .exact
    var stoppingRule = StoppingRule.tolerance(relative: 1e-10, limit: 200)
    func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
    func step(_ z: Tensor, given x: Tensor) throws -> Tensor {
      try activation(scale * z + x)
    }
  }
  let scale = Tensor([0.3, -0.2, 0.4], dtype: .float64)
  let input = Tensor([[1, 0.2, -1], [0.5, 2, 0]], dtype: .float64)
  for activation in [softplus, wrong] {
    let check = try checkGradient(at: [("scale", scale), ("x", input * 0.1)]) {
      (Cell(scale: $0[0], activation: activation), $0[1])
    }
    print("passed:", check.passed)
  }
  // snippet.end

  // snippet.straight-through
  let binarised = CustomOperator("binarised") { x in
    (x[0] .> 0).converted(to: x[0].dtype)
  } pullback: { v, _, _ in
    [v]
  }
  print(try gradient(at: point) { (try binarised($0) * $0).sum() })
  // snippet.end
}
