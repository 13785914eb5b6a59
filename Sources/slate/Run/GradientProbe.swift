import Foundation
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Synchronization
import Tensors

/// What a probe found at the slots' fixed point, as means over the images it looked at.
struct ProbeMeasurement: Sendable {
  /// |J|_2 of the cell at the fixed point; if it is above 1, the iteration may grow before it
  /// contracts.
  var spectralNorm = Double.nan
  /// The relative residual |f(z) - z| / |f(z)|.
  var relativeResidual = Double.nan
  /// The number of applications of the cell until the solve ended.
  var iterations = Double.nan
  /// The cosine between the estimator's adjoint and the exact one; NaN for unrolling, which has none.
  var cosine = Double.nan
  /// |w| / |u| of these adjoints.
  var normRatio = Double.nan
  /// The duration of the probe in seconds.
  var seconds = 0.0
}

/// Measures the accuracy of the training gradient: it compares the estimator's adjoint w with u =
/// (I - J^T)^-1 v, which is computed from the dense Jacobian at the same point and for the same
/// cotangent.
struct GradientProbe {
  let model: SLATE
  let configuration: RunConfiguration

  /// The number of images that a probe looks at.
  static let images = 2

  /// Measures on a few images of a batch, [batch, height, width, 3].
  ///
  /// The cost is a training step on these images, and as many pullbacks as the slots of an image
  /// have numbers.
  func measure(_ batch: Tensor, temperature: Double, noise: Philox) throws -> ProbeMeasurement {
    let start = ContinuousClock.now
    let images = batch.slice(0..<min(GradientProbe.images, batch.shape[0]))
    let count = images.shape[0]
    var model = model
    let cell = model.slotAttn.slotAttention
    let watched = WatchedAdjoint(cell.estimator)
    model.slotAttn.configure(
      solver: cell.solver, estimator: WatchedSolve(adjoint: watched),
      stoppingRule: cell.stoppingRule)
    var draws = noise
    let losses = try model.losses(
      of: images, noise: configuration.noise(batch: count, using: &draws),
      temperature: temperature, in: .evaluation)
    _ = try gradients(of: losses.crossEntropy)
    var result = watched.found.withLock { $0 }
    result.seconds = start.duration(to: .now) / .seconds(1)
    return result
  }
}

/// Finds the fixed point in the usual way, and measures the distance from it.
private struct WatchedSolve: BackwardEstimator {
  let adjoint: WatchedAdjoint

  func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    let solution = try adjoint.solution(of: map, from: initial, using: solver, until: rule)
    let z = solution.value.detached()
    let image = try withoutRecording { try map(z) }
    let (residuals, norms) = ((image - z).normsOfSamples, image.normsOfSamples)
    adjoint.found.withLock {
      $0.relativeResidual = mean(residuals.indices.map { residuals[$0] / norms[$0] })
      $0.iterations = mean(solution.report.samples.map { Double($0.evaluations) })
    }
    return solution
  }
}

/// The exact adjoint, with which the adjoint of an estimator is compared.
private final class WatchedAdjoint: AdjointEstimator {
  let base: any BackwardEstimator
  let found = Mutex(ProbeMeasurement())

  init(_ base: any BackwardEstimator) { self.base = base }

  var inverseUse: InverseUse { base.inverseUse }
  var onFailure: FailurePolicy { .keeping }

  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let v = problem.cotangent
    let exact = try ExactAdjoint().estimate(problem)
    let (w, u) = (try base.adjoint?.estimate(problem).value, exact.value)
    let (wNorms, uNorms) = (w?.normsOfSamples ?? [], u.normsOfSamples)
    let overlaps = w?.innerProductsOfSamples(with: u) ?? []
    let norms = try spectralNorms(jacobiansOfSamples(like: v, pullback: problem.pullback))
    found.withLock {
      $0.spectralNorm = mean(norms)
      $0.cosine = mean(overlaps.indices.map { overlaps[$0] / (wNorms[$0] * uNorms[$0]) })
      $0.normRatio = mean(wNorms.indices.map { wNorms[$0] / uNorms[$0] })
    }
    return exact
  }
}

/// |A|_2 of each matrix of [batch, n, n], by power iteration on A A^T from a vector of ones.
private func spectralNorms(_ matrices: Tensor) -> [Double] {
  let (batch, n) = (matrices.shape[0], matrices.shape[1])
  var x = Tensor.ones([batch, n, 1], dtype: matrices.dtype)
  var norms = [Double](repeating: 0, count: batch)
  for _ in 0..<50 {
    let y = matrices.matmul(matrices.matmul(x, transposingSelf: true))
    norms = y.normsOfSamples
    x =
      y
      * Tensor(
        norms.map { $0 > 0 ? 1 / $0 : 0 }, shape: [batch, 1, 1], dtype: matrices.dtype)
  }
  return norms.map { $0.squareRoot() }
}

/// The mean of some numbers; NaN if there are none.
private func mean(_ numbers: [Double]) -> Double {
  numbers.reduce(0, +) / Double(numbers.count)
}
