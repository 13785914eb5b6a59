import ImplicitLayers
import Tensors

private let (rows, features) = (120, 20)

private struct Data {
  let x: Tensor, signs: Tensor

  init(_ seed: Int) {
    x = numbers(seed, [rows, features])
    let isUsed = (IntTensor(0..<features) .< 6).converted(to: .float64)
    let noise = 0.8 * numbers(seed + 100, [rows])
    let isPositive = x.matmul(numbers(9, [features]) * isUsed) + noise .> 0
    signs = isPositive.converted(to: .float64) * 2 - 1
  }

  /// The logistic loss of weights [1, features].
  func misfit(_ w: Tensor) -> Tensor { (-signs * x.matmul(w[0])).softplus().mean() }
}

/// Bilevel search: a ridge penalty for each of twenty weights of a logistic regression, chosen by the
/// loss on other data through the fit.
func searchPenalties() throws -> Results {
  let (train, validation) = (Data(1), Data(2))
  var logPenalties = Tensor.full(-4, [features], dtype: .float64)
  var w = Tensor.zeros([1, features], dtype: .float64)
  var loss = Tensor(0)
  for _ in 0..<25 {
    let start = w
    let slopes: Tensor
    (loss, slopes) = try valueWithGradient(at: logPenalties) { logPenalties in
      let fit = try minimum(
        of: { w in
          let ridge = (logPenalties.exp() * w.square()).sum() / 2
          return (train.misfit(w) + ridge).reshaped([1])
        }, from: start, using: .lbfgs(memory: 100),
        until: .tolerance(relative: 0, absolute: 1e-10, limit: 500))
      w = fit.detached()
      return validation.misfit(fit)
    }
    logPenalties -= 20 * slopes
  }
  return ["loss": loss.scalar, "|w|": norm(w), "|log penalties|": norm(logPenalties)]
}
