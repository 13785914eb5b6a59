import EstimatorComparison
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors

/// Slot attention, differentiated implicitly and by unrolling: the same gradient where the
/// iteration has converged, and constant memory instead of a tape that grows with every step.
func compareEstimators() throws {
  var generator = Philox(seed: 3)
  let cell = SlotAttention(featureSize: 16, slotSize: 16, mlpHiddenSize: 32, using: &generator)
  cell.convertParameters(to: .float64)
  // An untrained perceptron drives the slots in circles; scaled down, it lets them settle.
  for entry in cell.mlp.namedParameters {
    entry.parameter.assign(entry.parameter.tensor.detached() * 0.3)
  }
  let batch = 2
  let features = Tensor.normal([batch, 36, 16], dtype: .float64, using: &generator)
  let slots = Tensor.normal([batch, 3, 16], dtype: .float64, using: &generator)
  let cotangent = Tensor.normal([batch, 3, 16], dtype: .float64, using: &generator)

  // snippet.compare
  let injection = cell.inject(.init(features: features, initialSlots: slots))
  let named = cell.namedParameters.map { (name: $0.name, tensor: $0.parameter.tensor) }
  var comparison = EstimatorComparison(
    of: cell.map(given: injection), from: slots,
    until: .tolerance(relative: 1e-12, limit: 3000),
    parameters: ParameterGroup.grouping(named), cotangent: cotangent)
  comparison.estimators = [
    ComparedEstimator("one step", .oneStep), ComparedEstimator("10 terms", .neumann(terms: 10)),
    ComparedEstimator("GMRES", .gmres(tolerance: 1e-10, dimension: 40)),
    ComparedEstimator("unrolled, checkpoints", .unrolled(keeping: .squareRoot)),
    ComparedEstimator("unrolled", .unrolled),
  ]
  comparison.repeats = 3
  print(try comparison.report().table)
  // snippet.end

  print("\nbytes between the passes (kB) against the number of iterations")
  print(try comparison.costs(byIterations: [1, 3, 10, 30]).tapeMemory.table)
}
