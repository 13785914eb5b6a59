import EstimatorComparison
import Foundation
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// Time and memory of a forward and a backward pass through slot attention, for an untrained model
/// and a batch of its images.
struct PassCostMeasurement {
  /// The measurements by the keys of the `complexity` experiment's quantities.
  let values: [String: Double]

  /// The number of passes, of which the median counts.
  private static let repeats = 7

  /// Measures with the solver, the gradient and the number of iterations of a run.
  ///
  /// - Throws: an error that names the images that cannot be read.
  init(_ run: ExperimentPlan.Run) throws {
    let configuration = run.configuration
    let streams = RandomStreams(seed: configuration.seed)
    var (weights, draws) = (streams.weights, streams.validation)
    let model = SLATE(configuration.model, using: &weights)
    let data = run.arm.data
    let dataset = try data.open(imageSize: configuration.imageSize, seed: configuration.seed)
    let shown = try EvaluationImages(
      dataset, .train, limit: configuration.batchSize, tolerance: data.tolerance(of: dataset))
    let (input, loss) = model.slotProblem(
      of: try shown.batch(0..<shown.count),
      noise: SLATE.Noise(batch: shown.count, configuration.model, using: &draws))
    var cell = model.slotAttn.slotAttention
    cell.solver = configuration.solver.solver
    cell.stoppingRule = .evaluations(configuration.iterations)
    let parameters = cell.namedParameters.map { (name: $0.name, tensor: $0.parameter.tensor) }
    var comparison = try EstimatorComparison(
      of: cell, input: input, parameters: ParameterGroup.grouping(parameters), loss: loss)
    comparison.repeats = PassCostMeasurement.repeats
    // The cost of a pass does not depend on whether it converges.
    comparison.largestResidual = .infinity
    let costs = try comparison.costs(
      byIterations: [configuration.iterations],
      of: [ComparedEstimator("pass", configuration.gradient.estimator)])
    func value(_ sweep: ComparisonSweep) -> Double { sweep["pass"]?.first?.y ?? .nan }
    values = [
      "forward_ms": value(costs.forwardTime), "backward_ms": value(costs.backwardTime),
      "tape_kb": value(costs.tapeMemory), "tape_nodes": value(costs.tapeNodes),
      "peak_kb": value(costs.peakMemory),
    ].filter { $0.value.isFinite }
  }
}
