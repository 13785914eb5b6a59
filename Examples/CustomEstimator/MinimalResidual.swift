import ImplicitLayers
import Tensors

// snippet.estimator
/// Some steps of w <- w + a r along the residual r = v - (I - J^T) w, with the a that makes the
/// next residual smallest in each sample.
struct MinimalResidual: AdjointEstimator {
  let steps: Int

  func adjoint(of v: Tensor, through pullback: (Tensor) throws -> Tensor) throws -> Tensor {
    var (w, r) = (v.zerosLike(), v)
    for _ in 0..<steps {
      let image = try r - pullback(r)
      let overlaps = r.innerProductsOfSamples(with: image)
      let squares = image.innerProductsOfSamples(with: image)
      let factors = zip(overlaps, squares).map { $1 == 0 ? 0 : $0 / $1 }
      let ones = Shape([v.shape[0]] + Array(repeating: 1, count: v.rank - 1))
      let a = Tensor(factors, shape: ones, dtype: v.dtype)
      (w, r) = (w + r * a, r - image * a)
    }
    return w
  }
}
// snippet.end
