import ConformanceChecks
import ImplicitLayers
import NeuralLayers
import Tensors
import TestSupport
import Testing

/// Until what is left is rounding.
let exactly = StoppingRule.tolerance(relative: 1e-12, limit: 1000)

/// A model in float64 whose norms have gains and biases that matter.
func stirred<Model: Module>(_ model: Model) -> Model {
  model.convertParameters(to: .float64)
  var random = Philox(seed: 31)
  for entry in model.namedParameters where entry.parameter.shape.rank == 1 {
    let noise = Tensor.normal(entry.parameter.shape, dtype: .float64, using: &random)
    entry.parameter.assign(entry.parameter.tensor.detached() + 0.05 * noise)
  }
  return model
}

/// The gradient of every parameter and of the input beside differences of converged solutions; samples do
/// not mix.
func expectRightGradient<Model: FixedPointLayer & Module>(
  _ model: Model, _ x: Tensor, sourceLocation: SourceLocation = #_sourceLocation
) throws where Model.Input == Tensor {
  let check = try checkGradient(of: model, input: x)
  #expect(check.passed, "\(check)", sourceLocation: sourceLocation)
  #expect(check.entries.count > 1, sourceLocation: sourceLocation)
}

/// A model's own estimator takes fewer pullbacks than a state has numbers, and has the gradients of one
/// with the same weights that is exact.
func expectProducts<Model: FixedPointLayer & Module>(
  _ model: Model, beside exact: Model, _ x: Tensor,
  sourceLocation: SourceLocation = #_sourceLocation
) throws where Model.Input == Tensor {
  func differentiated(_ model: Model) throws -> (gradient: Tensor, report: BackwardReport) {
    let solution = try model.solve(x)
    #expect(solution.report.converged, "\(solution.report)", sourceLocation: sourceLocation)
    let losses = solution.value.tensors.map { z in (z * testTensor(z.shape, seed: 4)).sum() }
    let table = try gradients(of: losses.dropFirst().reduce(losses[0], +))
    let weight = try #require(model.namedParameters.first).parameter.tensor
    return (try #require(table[weight]), try #require(table.backwardReport(of: solution)))
  }
  let (own, known) = (try differentiated(model), try differentiated(exact))
  let unknowns = try model.solve(x).value.tensors.map { $0.count / $0.shape[0] }.reduce(0, +)
  #expect(known.report.pullbacks == unknowns, sourceLocation: sourceLocation)
  #expect(own.report.pullbacks < unknowns / 2, sourceLocation: sourceLocation)
  #expect(own.report.converged, sourceLocation: sourceLocation)
  #expect(
    relativeError(own.gradient, known.gradient) < 1e-3, sourceLocation: sourceLocation)
}

/// Solvers and estimators that reach the exact solution and gradient, for models to take any of.
let solvers: [any ForwardSolver] = [.anderson(), .broyden(), .newtonKrylov()]
let estimators: [any BackwardEstimator] = [
  .exact, .gmres(tolerance: 1e-12), .iterative(.anderson(), tolerance: 1e-12),
]
