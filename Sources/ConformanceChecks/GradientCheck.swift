/// The result of `checkGradient`: for every parameter and input, whether its gradient is right, and
/// if not, why.
///
/// ```swift
/// print(check)
/// // weight: agrees to 9 digits with differences of step 3.2e-5
/// // input: agrees to 10 digits with differences of step 1e-5
/// ```
public struct GradientCheck: Sendable, CustomStringConvertible {
  /// The verdict on one gradient.
  public enum Verdict: Sendable, Equatable {
    /// The gradient is the derivative of the solution, to this number of digits.
    case agrees(digits: Int)
    /// The layer's estimator is off by this fraction, also at the converged solution, where the
    /// exact adjoint is right.
    case biasedEstimator(error: Double)
    /// The gradient is off by this fraction because the layer stops too early: at the converged
    /// solution, the same estimator is right.
    case looseSolve(error: Double)
    /// Even the exact adjoint at the converged solution is off, so the derivative that the step
    /// itself records is wrong.
    case wrongDerivative(error: Double)
    /// A sample of the image depends on another sample of the state; the text says which.
    case samplesMix(String)
    /// The map gives another image when it is evaluated again at the same state.
    case notDeterministic
    /// No solution was found near that of the layer. The number is the relative residual |f(z) - z|
    /// / |f(z)| that is left.
    case noSolution(residual: Double)
    /// The differences depend on the step everywhere, at best by this fraction.
    case noPlateau(spread: Double)
  }

  /// The result for one parameter or input.
  public struct Entry: Sendable {
    /// The name of the parameter or input.
    public let name: String
    /// The verdict on its gradient.
    public let verdict: Verdict
    /// The derivative along a random direction, by the layer's own gradient.
    public let derivative: Double
    /// The same derivative by differences of converged solutions, and the step, relative to the
    /// size of the parameter, on which it depends least.
    public let difference: Double, step: Double
    /// The differences at all steps.
    public let sweep: [(step: Double, difference: Double)]
  }

  /// The results in the order of the parameters; the input comes last.
  public let entries: [Entry]
  /// The name of the layer's estimator.
  public let estimator: String
  /// The relative residual |f(z) - z| / |f(z)| at the layer's own z, in the worst sample.
  public let residual: Double

  /// Whether every gradient agrees.
  public var passed: Bool {
    entries.allSatisfy { if case .agrees = $0.verdict { true } else { false } }
  }

  /// A line for each entry: whether its gradient is right, and if not, why, and what to do.
  public var description: String {
    entries.map { "\($0.name): \(sentence(about: $0))" }.joined(separator: "\n")
  }

  private func sentence(about entry: Entry) -> String {
    let step = "differences of step \(brief(entry.step))"
    switch entry.verdict {
    case .agrees(let digits): return "agrees to \(digits) digits with \(step)"
    case .biasedEstimator(let error):
      return "off by \(percent(error)) from \(step): the estimator is biased (\(estimator)), for "
        + "it is so at the converged solution too, where the exact adjoint agrees; use .exact or "
        + ".gmres(), or more terms"
    case .looseSolve(let error):
      return "off by \(percent(error)) from \(step): the solve is not converged far enough "
        + "(relative residual \(brief(residual))), for the same estimator agrees at the converged "
        + "solution; lower the tolerance or raise the limit"
    case .wrongDerivative(let error):
      return "off by \(percent(error)) from \(step): a derivative in the step is wrong, for the "
        + "exact adjoint at the converged solution is off too; look for rules of your own, values taken "
        + "off the tape (detached, scalars), kinks, and inputs that reach the state by another way"
    case .samplesMix(let text): return text
    case .notDeterministic:
      return "the map is not deterministic: it gives another image when it is evaluated again at "
        + "the same state; draw random numbers once per solve, in inject"
    case .noSolution(let residual):
      return "no solution was found near that of the layer (relative residual \(brief(residual))), "
        + "so that there is nothing to differentiate; see DebugADivergingSolve"
    case .noPlateau(let spread):
      return "differences change by \(percent(spread)) from step to step at the best: the solution "
        + "is not smooth here, or too badly conditioned to be differentiated in this dtype; try "
        + "float64 or another point"
    }
  }
}

/// The number with at most two digits: 3.2e-5, or 1e-5.
private func brief(_ number: Double) -> String {
  guard number.isFinite, number > 0 else { return "\(number)" }
  var (exponent, mantissa) = (0, number)
  while mantissa >= 9.95 { (exponent, mantissa) = (exponent + 1, mantissa / 10) }
  while mantissa < 0.995 { (exponent, mantissa) = (exponent - 1, mantissa * 10) }
  let tenths = Int((mantissa * 10).rounded())
  return "\(tenths / 10)" + (tenths % 10 == 0 ? "" : ".\(tenths % 10)") + "e\(exponent)"
}

private func percent(_ fraction: Double) -> String {
  fraction < 0.001 ? brief(fraction) : "\((fraction * 1000).rounded() / 10)%"
}
