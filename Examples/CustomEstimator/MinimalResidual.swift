import ImplicitLayers
import Tensors

// snippet.estimator
/// Some steps of w <- w + a r along the residual r = v - (I - J^T) w, with the a that makes the
/// next residual smallest in each sample.
struct MinimalResidual: AdjointEstimator {
  let steps: Int

  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    var (w, r) = (problem.cotangent.zerosLike(), problem.cotangent)
    for _ in 0..<steps {
      let image = try problem.system(r)
      let overlaps = r.innerProductsOfSamples(with: image)
      let squares = image.innerProductsOfSamples(with: image)
      let a = zip(overlaps, squares).map { $1 == 0 ? 0 : $0 / $1 }
      w = w.adding(r, times: a)
      r = r.adding(image, times: a.map { -$0 })
    }
    return AdjointEstimate(value: w)
  }

  var derivative: EstimateDerivative { .ofEquation }
}
// snippet.end
