import ImplicitLayers
import NeuralLayers
import Tensors

/// The small model that ranks train together, under a launcher and in the tests of threads as ranks: two
/// parts of which one may rest, and a count that is not trained.
struct ProbedModel: Module {
  let first: Linear
  let second: Linear
  let seen = Parameter(Tensor(0, dtype: .float64), isTrained: false)

  init(seed: UInt64) {
    var draws = Philox(seed: seed)
    first = Linear(3, 5, using: &draws)
    second = Linear(5, 2, using: &draws)
    convertParameters(to: .float64)
  }

  /// The part of a mean over `whole` samples that the rows of x contribute.
  func loss(_ x: Tensor, whole: Int) -> Tensor {
    second(first(x).tanh()).square().sum() / Double(whole)
  }

  /// The same for an equilibrium z = tanh(0.3 z + W x) in place of the first part's value.
  func equilibriumLoss(_ x: Tensor, whole: Int) throws -> Tensor {
    let injected = first(x)
    let z = try fixedPoint(
      from: injected.detached(), using: .anderson(), estimator: .exact,
      until: .tolerance(relative: 1e-13, limit: 200)
    ) { ($0 * 0.3 + injected).tanh() }
    return second(z).square().sum() / Double(whole)
  }
}
