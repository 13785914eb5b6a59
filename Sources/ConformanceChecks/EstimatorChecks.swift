import ImplicitLayers
import Tensors

/// The properties that an adjoint estimator must have to be usable in every layer and with every
/// solver.
///
/// ```swift
/// let failures = try EstimatorChecks(MinimalResidual(steps: 60), accuracy: 1e-6).failures()
/// precondition(failures.isEmpty, failures.joined(separator: "\n"))
/// ```
/// The problems are layers with a Jacobian of spectral radius about .5 that is not normal, in both
/// dtypes and with states of rank 2 and 3. Nothing here depends on a testing library.
public struct EstimatorChecks {
  private let estimator: any AdjointEstimator
  private let accuracy: Double?

  /// Checks of `estimator`.
  ///
  /// - Parameters:
  ///   - estimator: the estimator that is checked.
  ///   - accuracy: the largest relative error of the adjoint, in float32 at least 64 units of
  ///     rounding; nil for an estimator that is biased by design, whose error is not checked.
  public init(_ estimator: any AdjointEstimator, accuracy: Double?) {
    self.estimator = estimator
    self.accuracy = accuracy
  }

  /// The properties that the estimator lacks, in words; empty if it conforms.
  ///
  /// - Throws: what the estimator throws.
  public func failures() throws -> [String] {
    var failures: [String] = []
    for dtype in [DType.float64, .float32] {
      for shape in [[3, 4], [3, 2, 2]] as [Shape] {
        let problem = try EstimatorProblem(shape: shape, dtype: dtype)
        let found = try shapes(problem)
        // An adjoint of another shape cannot be checked further.
        failures += found
        guard found.isEmpty else { continue }
        failures += try independence(problem) + tape(problem) + zero(problem) + scale(problem)
        failures += try repetition(problem) + error(problem)
      }
    }
    return failures
  }

  /// Checks that shapes and dtypes are kept.
  private func shapes(_ problem: EstimatorProblem) throws -> [String] {
    let v = problem.cotangent
    let w = try adjoint(v, problem)
    return w.shape == v.shape && w.dtype == v.dtype
      ? [] : ["turns a cotangent of \(v.dtype) \(v.shape) into \(w.dtype) \(w.shape)"]
  }

  /// Checks that a sample's adjoint depends only on its own cotangent.
  private func independence(_ problem: EstimatorProblem) throws -> [String] {
    let v = problem.cotangent
    let whole = try adjoint(v, problem)
    let others: [(String, Tensor)] = [
      ("another cotangent", v * 3), ("a NaN", .full(.nan, v.shape, dtype: v.dtype)),
    ]
    return try others.flatMap { name, other in
      let w = try adjoint(.selectSamples([true, false, true], v, other), problem)
      return [0, 2].compactMap { sample in
        let range = sample..<sample + 1
        let change = relativeError(w.slice(range), whole.slice(range))
        return change <= bound(v.dtype)
          ? nil : "lets \(name) in sample 1 change sample \(sample) by \(change)"
      }
    }
  }

  /// Checks that the tape holds one application of the map, and that no path leads to the initial
  /// state.
  private func tape(_ problem: EstimatorProblem) throws -> [String] {
    try [1, 20].flatMap { iterations in
      let pass = try problem.pass(estimator, iterations: iterations)
      return [
        pass.recorded == 1
          ? nil : "records \(pass.recorded) applications in a solve of \(iterations) evaluations",
        pass.initialGradient == nil ? nil : "gives the initial state a gradient",
      ].compactMap { $0 }
    }
  }

  /// Checks that a cotangent of zeros costs no pullback, and that a sample with a zero cotangent
  /// gets zeros.
  private func zero(_ problem: EstimatorProblem) throws -> [String] {
    let v = problem.cotangent
    let pass = try problem.pass(estimator, scale: 0)
    let w = try adjoint(v.keeping([true, false, true]), problem)
    let size = w.slice(1..<2).largestMagnitude
    return [
      pass.pullbacks == 0 && pass.gradient.largestMagnitude == 0
        ? nil : "spends \(pass.pullbacks) pullbacks on a cotangent of zeros",
      size == 0 ? nil : "gives a sample without a cotangent an adjoint of \(size)",
    ].compactMap { $0 }
  }

  /// Checks that a power of two in front of the loss scales the gradient exactly.
  private func scale(_ problem: EstimatorProblem) throws -> [String] {
    let unit = try problem.pass(estimator)
    return try [-40, 40].compactMap { exponent in
      let factor = Double(sign: .plus, exponent: exponent, significand: 1)
      let scaled = try problem.pass(estimator, scale: factor).gradient * (1 / factor)
      return scaled.scalars == unit.gradient.scalars
        ? nil
        : "changes the gradient by \(relativeError(scaled, unit.gradient)) when the loss is "
          + "scaled by 2^\(exponent)"
    }
  }

  /// Checks that the same problem has the same gradient again.
  private func repetition(_ problem: EstimatorProblem) throws -> [String] {
    let first = try problem.pass(estimator).gradient
    let change = relativeError(try problem.pass(estimator).gradient, first)
    return change <= bound(first.dtype)
      ? [] : ["gives a gradient that differs by \(change) when it is run again"]
  }

  /// Checks that the adjoint is the exact one.
  private func error(_ problem: EstimatorProblem) throws -> [String] {
    guard accuracy != nil else { return [] }
    let v = problem.cotangent
    let exact = try ExactAdjoint().estimate(problem.adjoint(of: v)).value
    let error = relativeError(try adjoint(v, problem), exact)
    return error <= bound(v.dtype)
      ? [] : ["is off by \(error) of the exact adjoint, with \(bound(v.dtype)) allowed"]
  }

  private func adjoint(_ v: Tensor, _ problem: EstimatorProblem) throws -> Tensor {
    try estimator.estimate(problem.adjoint(of: v)).value
  }

  private func bound(_ dtype: DType) -> Double { max(accuracy ?? 0, 64 * dtype.machineEpsilon) }
}

extension Tensor {
  /// The samples where `mask` is true, zeros elsewhere.
  fileprivate func keeping(_ mask: [Bool]) -> Tensor { .selectSamples(mask, self, zerosLike()) }
}

/// |a - b| / |b| over all elements.
private func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
  let norm = { (t: Tensor) in t.reshaped([1, t.count]).normsOfSamples[0] }
  return norm(a - b) / norm(b)
}
