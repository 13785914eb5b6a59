import Tensors

/// A way to choose the next iterate.
///
/// ```swift
/// struct Halfway: ForwardSolver {
///   func makeHistory() {}
///   func next(after z: Tensor, image fz: Tensor, _ history: inout Void) -> Tensor {
///     (z + fz) * 0.5
///   }
/// }
/// ```
/// A solver sees the iterate, its image and its own history; the loop, stopping, the best iterate
/// and the report are the same for all (`solve`). `next` must treat samples (axis 0) independently
/// and be written in tensor operators, so that unrolling differentiates through it.
public protocol ForwardSolver: Sendable {
  /// What the solver remembers from earlier iterates.
  associatedtype History

  /// The history before the first iterate.
  func makeHistory() -> History

  /// The iterate after z.
  ///
  /// - Parameters:
  ///   - z: the current iterate, [batch, ...].
  ///   - fz: f(z), of the same shape.
  ///   - history: the solver's own.
  func next(after z: Tensor, image fz: Tensor, _ history: inout History) throws -> Tensor
}

extension ForwardSolver {
  /// Iterates `map` from `initial` until `rule` is met.
  ///
  /// With a tolerance, each sample's result is its iterate of smallest residual |f(z) - z|, chosen
  /// by selection: a NaN in one sample changes no other and does not destroy its own best iterate.
  /// A sample is settled once it has converged, diverged (its residual exceeds a thousand times
  /// the first, and rounding noise) or is no longer finite; the solve ends when all are settled.
  /// With a number of evaluations, the result is the last iterate.
  ///
  /// - Returns: the solution, recorded if recording is on (this is what `Unrolled` differentiates).
  /// - Throws: what `map` throws. Not converging is no error but an outcome in the report.
  /// - Complexity: at most `rule.limit` evaluations of `map`.
  public func solve(
    _ map: FixedPointMap, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution {
    expect(
      initial.rank > 0,
      "a fixed point needs a state of shape [batch, ...], but the initial state is a scalar")
    var history = makeHistory()
    var progress = SolveProgress(from: initial, until: rule)
    var z = initial
    while true {
      let image = try map(z)
      expect(
        image.shape == z.shape && image.dtype == z.dtype,
        "a map must return what it is given: the state is \(z.dtype) \(z.shape), the image "
          + "\(image.dtype) \(image.shape)")
      let isLast = progress.record(z, image: image)
      if isLast && rule.tolerance != nil { break }
      z = try next(after: z, image: image, &history)
      if isLast { break }
    }
    return progress.solution(lastIterate: z)
  }
}

/// The bookkeeping of one solve: outcomes, residuals and the best iterate of each sample.
private struct SolveProgress {
  private let rule: StoppingRule
  private var best: Tensor
  private var report: SolveReport
  private var firstResiduals: [Double] = []

  init(from initial: Tensor, until rule: StoppingRule) {
    self.rule = rule
    best = initial
    let unknown = SolveReport.Sample(
      outcome: rule.tolerance == nil ? .notMeasured : .limitReached,
      residual: rule.tolerance == nil ? .nan : .infinity, relativeResidual: .nan,
      evaluations: 0)
    report = SolveReport(
      samples: Array(repeating: unknown, count: initial.shape[0]), evaluations: 0)
  }

  /// Takes note of an iterate and its image.
  ///
  /// - Returns: whether the solve is over.
  mutating func record(_ z: Tensor, image: Tensor) -> Bool {
    report.evaluations += 1
    guard let tolerance = rule.tolerance else { return report.evaluations == rule.limit }
    let (residuals, imageNorms) = withoutRecording {
      ((image - z).normsOfSamples, image.normsOfSamples)
    }
    if firstResiduals.isEmpty { firstResiduals = residuals }

    var improved = [Bool](repeating: false, count: residuals.count)
    var open = 0
    for index in residuals.indices where report.samples[index].outcome == .limitReached {
      let (residual, imageNorm) = (residuals[index], imageNorms[index])
      report.samples[index].evaluations = report.evaluations
      guard residual.isFinite else {
        report.samples[index].outcome = .nonFinite
        continue
      }
      if residual < report.samples[index].residual {
        improved[index] = true
        report.samples[index].residual = residual
        report.samples[index].relativeResidual = imageNorm > 0 ? residual / imageNorm : residual
      }
      let noise = 16 * z.dtype.unitRoundoff * imageNorm
      if tolerance.accepts(residual: residual, imageNorm: imageNorm) {
        report.samples[index].outcome = .converged
        // The point that is returned is the one that passed the test.
        improved[index] = true
        report.samples[index].residual = residual
        report.samples[index].relativeResidual = imageNorm > 0 ? residual / imageNorm : residual
      } else if residual > 1000 * max(firstResiduals[index], noise) {
        report.samples[index].outcome = .diverged
      } else {
        open += 1
      }
    }
    if improved.allSatisfy({ $0 }) {
      best = z
    } else if improved.contains(true) {
      best = Tensor.selectSamples(improved, z, best)
    }
    return open == 0 || report.evaluations == rule.limit
  }

  func solution(lastIterate: Tensor) -> Solution {
    guard rule.tolerance == nil else { return Solution(value: best, report: report) }
    var counted = report
    for index in counted.samples.indices { counted.samples[index].evaluations = report.evaluations }
    return Solution(value: lastIterate, report: counted)
  }
}
