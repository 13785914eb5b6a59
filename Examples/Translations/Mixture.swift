import ImplicitLayers
import Tensors

private let (sets, points, parts) = (4, 150, 3)

/// What EM iterates: where the parts are, and how much of the points each has.
private struct Mixture: FixedPointState {
  var means: Tensor, shares: Tensor
  var tensors: [Tensor] { [means, shares] }
  init(means: Tensor, shares: Tensor) { (self.means, self.shares) = (means, shares) }
  init(tensors: [Tensor]) { (means, shares) = (tensors[0], tensors[1]) }

  /// log p(x, k) of every point and part, up to a constant: [sets, points, parts].
  func assign(_ x: Tensor, _ widths: Tensor) -> Tensor {
    let gaps = (x[.all, .all, .newAxis] - means[.all, .newAxis]) / widths
    return shares.log()[.all, .newAxis] - gaps.square().sum(alongAxis: -1) / 2
      - widths.log().sum()
  }
}

private func expectationMaximisation(
  _ x: Tensor, _ start: Tensor, _ mixture: Mixture, _ widths: Tensor, _ strength: Tensor
) -> Mixture {
  let assigned = mixture.assign(x, widths).softmax()
  let counts = assigned.sum(alongAxis: 1)
  let sums = Tensor.einsum("bnk,bnd->bkd", assigned, x)
  return Mixture(
    means: (sums + strength * start) / (counts + strength)[..., .newAxis],
    shares: (counts + strength) / (Double(points) + Double(parts) * strength))
}

private func cloud(_ seed: Int) -> Tensor {
  let centres = 1.2 * Tensor([[0, 1], [0.9, -0.5], [-0.9, -0.5]], dtype: .float64)
  let which = IntTensor((0..<points).map { $0 % parts })
  return centres[which] + 1.1 * numbers(seed, [sets, points, 2])
}

/// Variational inference as a fixed point: EM for Gaussian mixtures, and the gradient of a held-out
/// likelihood by what EM was told, the widths and the strength of the prior, through its equilibrium.
func tuneMixture() throws -> Results {
  let (x, heldOut, start) = (cloud(1), cloud(2), 0.5 * numbers(3, [sets, parts, 2]))
  var logWidths = Tensor.zeros([2], dtype: .float64)
  var logStrength = Tensor(0, dtype: .float64)
  let first = Mixture(
    means: start, shares: .full(1 / Double(parts), [sets, parts], dtype: .float64))
  var results: Results = [:]
  for _ in 0..<20 {
    let (loss, slopes) = try valueWithGradient(at: [logWidths, logStrength]) { hyper in
      let (widths, strength) = (hyper[0].exp(), hyper[1].exp())
      let mixture = try fixedPoint(
        from: first, estimator: .iterative(.picard(), tolerance: 1e-10, limit: 2000),
        until: .tolerance(relative: 1e-10, limit: 2000)
      ) { expectationMaximisation(x, start, $0, widths, strength) }
      return -mixture.assign(heldOut, widths).logSumExp(alongAxes: [-1]).mean()
    }
    let widths = logWidths.exp().scalars
    results = [
      "loss": loss.scalar, "width 1": widths[0], "width 2": widths[1],
      "strength": logStrength.exp().scalar,
    ]
    logWidths -= 0.5 * slopes[0]
    logStrength -= 0.5 * slopes[1]
  }
  return results
}
