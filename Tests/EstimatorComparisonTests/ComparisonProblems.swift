import EstimatorComparison
import Foundation
import ImplicitLayers
import Tensors
import TestSupport

/// A comparison on a problem with a closed form; the groups are "W" and "b".
func comparison(
  _ problem: ClosedFormProblem, names: [String] = ["W", "b"],
  estimators: [ComparedEstimator]? = nil,
  dtype: DType = .float64
) -> EstimatorComparison {
  let parameters = problem.parameters.map { $0.converted(to: dtype).variable() }
  var comparison = EstimatorComparison(
    of: FixedPointMap { problem.map($0, parameters) }, from: problem.initial.converted(to: dtype),
    until: .tolerance(relative: 0, absolute: 9 * dtype.machineEpsilon, limit: 400),
    parameters: zip(names, parameters).map { ParameterGroup($0, [$1]) }, loss: problem.loss)
  comparison.estimators = estimators
  comparison.repeats = 0
  return comparison
}

/// z -> a z + x sample by sample, with a an input: sample 1 of [0.5, 3, -0.4] has no fixed point.
struct ScalarMaps {
  let a: Tensor
  let x: Tensor
  let weight: Tensor

  init(_ factors: [Double]) {
    a = Tensor(factors, shape: [factors.count, 1], dtype: .float64)
    x = testTensor([factors.count, 2], seed: 5)
    weight = testTensor([2, 2], seed: 6, scale: 0.6).variable()
  }

  /// z -> a tanh(z W) + x, of which a sample with a large factor leaves every bound.
  func map(isRestrictable: Bool) -> FixedPointMap {
    let (a, x, weight) = (a, x, weight)
    let image: (Tensor) throws -> Tensor = { z in a * z + z.matmul(weight).tanh() * 0.3 + x }
    guard isRestrictable else { return FixedPointMap(image) }
    return FixedPointMap(image) { positions in
      let (a, x) = (a.samples(positions), x.samples(positions))
      return { z in a * z + z.matmul(weight).tanh() * 0.3 + x }
    }
  }

  func comparison(isRestrictable: Bool) -> EstimatorComparison {
    var comparison = EstimatorComparison(
      of: map(isRestrictable: isRestrictable), from: x,
      until: .tolerance(relative: 0, absolute: 1e-13, limit: 400),
      parameters: [ParameterGroup("weight", [weight])]
    ) { $0.square().sum() }
    comparison.repeats = 0
    return comparison
  }
}

/// v - w: a planted sign error.
struct WrongSign: AdjointEstimator {
  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    AdjointEstimate(value: try ExactAdjoint().estimate(problem).value * -1)
  }
}

/// (I - J)^-1 v: the transpose is forgotten.
struct ForgottenTranspose: AdjointEstimator {
  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let v = problem.cotangent
    let j = try jacobiansOfSamples(like: v, pullback: problem.pullback)
    let system = Tensor.identity(j.shape[1], dtype: v.dtype) - j
    return AdjointEstimate(
      value: try LUFactorization(of: system).solve(v.flatSamples).reshaped(v.shape))
  }
}

/// u - v: the series without its first term.
struct MissingTerm: AdjointEstimator {
  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    AdjointEstimate(value: try problem.pullback(ExactAdjoint().estimate(problem).value))
  }
}
