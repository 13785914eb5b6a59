import Tensors
import TestSupport

/// A claim of the library that is not true.
public struct Violation: Sendable, CustomStringConvertible {
  /// What kind of claim it was.
  public let kind: String
  /// The solver and the estimator.
  public let solver: String, estimator: String
  /// The cell, its sample, what was claimed and what is true.
  public let details: String

  /// One line.
  public var description: String { "\(kind) | \(solver) | \(estimator) | \(details)" }
}

extension RandomCell {
  /// What is not true of a solve and its gradient.
  ///
  /// - Parameters:
  ///   - solver: how the fixed point is sought.
  ///   - estimator: how it is differentiated.
  ///   - plain: dL/dx of plain unrolling, with which other forms of it are compared.
  /// - Returns: the violations, and dL/dx if there is one.
  public func judge(
    _ solver: TestedSolver, _ estimator: TestedEstimator, plain: Tensor? = nil
  ) -> (violations: [Violation], adjoint: Tensor?) {
    var found: [Violation] = []
    func note(_ kind: String, _ sample: Int, _ claimed: String, _ truth: String) {
      found.append(
        Violation(
          kind: kind, solver: solver.word, estimator: estimator.word,
          details: "\(self), sample \(sample): claimed \(claimed), true \(truth)"))
    }
    let claims: Claims
    do { claims = try self.claims(solver, estimator) } catch {
      if estimator.needsInverse { return ([], nil) }
      note("unexpected error", 0, "a solution", "\(error)")
      return (found, nil)
    }
    if let error = claims.error, !claims.isHonestFailure {
      note("unexpected error", 0, "a gradient", "\(error)")
    }
    for sample in 0..<batch {
      let reference = DenseReference(of: self, sample: sample)
      let z = claims.value.slice(sample..<sample + 1)
      let isFinite = z.firstNonFiniteIndex == nil
      let (residual, size) = reference.residual(z)
      let noise = isFinite ? reference.noise(at: z) : 0
      if claims.hasConverged[sample] {
        if !(residual <= tolerance * size * 1.000001 + noise) {
          note("forward", sample, "converged", "residual \(residual) of \(size)")
        }
      }
      guard isFinite, let all = claims.adjoint else { continue }
      let w = all.slice(sample..<sample + 1)
      let v = cotangent.slice(sample..<sample + 1)
      let point = AdjointPoint(reference: reference, z: z, w: w, v: v)
      let claimed = claims.backward.map {
        ($0.hasConverged[sample], $0.residuals[sample], max(tolerance, $0.accuracies[sample]))
      }
      for fault in point.faults(
        of: estimator.promise, claimed: claimed, forward: claims.hasConverged[sample],
        plain: plain?.slice(sample..<sample + 1))
      {
        note(fault.kind, sample, fault.claimed, fault.truth)
      }
    }
    return (found, claims.adjoint)
  }
}

/// An adjoint w for the cotangent v at a point z of one sample.
private struct AdjointPoint {
  let reference: DenseReference
  let z: Tensor, w: Tensor, v: Tensor

  typealias Fault = (kind: String, claimed: String, truth: String)

  private func norm(_ t: Tensor) -> Double { t.normsOfSamples[0] }

  func faults(
    of promise: TestedEstimator.Promise,
    claimed: (hasConverged: Bool, residual: Double, tolerance: Double)?,
    forward: Bool,
    plain: Tensor?
  ) -> [Fault] {
    let system = reference.system(at: z)
    let size = norm(v)
    let residual = norm(v - w.matmul(system)) / size
    let epsilon = reference.cell.dtype.machineEpsilon
    // What rounding of J, of the products and of w itself leaves of any residual: this is where
    // the condition number enters, as |w| / |v| is at most |(I - J)^-1|.
    let magnitude = norm(system.reshaped([1, system.count])) + 1
    let noise = 8 * epsilon * magnitude * norm(w) / size
    let truth = "\(residual), |w| / |v| = \(norm(w) / size), condition "
    func condition() -> String { "\(reference.condition(of: system))" }
    var faults: [Fault] = []
    guard w.firstNonFiniteIndex == nil else {
      if claimed?.hasConverged == true { faults.append(("adjoint", "converged", "not finite")) }
      return faults
    }
    if let claimed {
      if claimed.hasConverged {
        if promise == .tolerance, residual > 1.001 * claimed.tolerance + noise {
          faults.append(
            ("adjoint tolerance", "converged, \(claimed.residual)", truth + condition()))
        } else if promise == .workingPrecision, residual > 0.01 {
          faults.append(("adjoint singular", "converged", truth + condition()))
        }
      }
      if claimed.residual.isFinite, residual > 2 * claimed.residual + noise {
        faults.append(("adjoint residual", "\(claimed.residual)", truth + condition()))
      }
    }
    switch promise {
    case .cotangent:
      if norm(w - v) > 0 { faults.append(("one step", "v", "off by \(norm(w - v))")) }
    case .terms(let count):
      var (term, sum) = (v, v)
      for _ in 1..<count {
        term = term - term.matmul(system)
        sum = sum + term
      }
      if norm(w - sum) > 1e3 * epsilon * magnitude * (norm(sum) + size) {
        faults.append(("series", "\(count) terms", "off by \(norm(w - sum)) of \(norm(sum))"))
      }
    case .everyStep:
      // Where plain unrolling is any good, and only there: derivatives of an accelerated solve that
      // have grown beyond measure differ by as much in the last bits.
      if forward, let plain, let exact = reference.solve(system, v, transposed: true),
        norm(plain - exact) < 0.5 * norm(exact),
        norm(w - plain) > (epsilon < 1e-10 ? 1e-3 : 0.1) * norm(plain)
      {
        let off = norm(w - plain)
        faults.append(("replay", "every step", "off by \(off) of \(norm(plain))"))
      }
      fallthrough
    case .someSteps:
      if forward, norm(w) == 0 { faults.append(("zero gradient", "some step", "0")) }
    case .tolerance, .workingPrecision, .residualOnly: break
    }
    return faults + amplified(claimed: claimed?.hasConverged == true && forward, promise)
  }

  /// Whether the error of z alone, within its tolerance, makes the gradient worthless, where both
  /// solves are said to have converged.
  private func amplified(claimed: Bool, _ promise: TestedEstimator.Promise) -> [Fault] {
    guard claimed, promise == .tolerance || promise == .workingPrecision,
      let solution = reference.solution(near: z), norm(solution - z) < 0.1 * (norm(z) + 1),
      let exact = reference.solve(reference.system(at: solution), v, transposed: true)
    else { return [] }
    let off = norm(w - exact) / norm(exact)
    guard off > 1 else { return [] }
    let condition = reference.condition(of: reference.system(at: solution))
    return [
      ("gradient off by itself", "converged", "relative error \(off), condition \(condition)")
    ]
  }
}
