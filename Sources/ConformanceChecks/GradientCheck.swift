/// What `checkGradient` found: for every parameter and input, whether the gradient is right, and if
/// not, why.
///
/// ```swift
/// print(check)
/// // weight: agrees to 9 digits with differences of step 3.2e-5
/// // input: agrees to 10 digits with differences of step 1e-5
/// ```
public struct GradientCheck: Sendable, CustomStringConvertible {
  /// What is to be said of one gradient.
  public enum Verdict: Sendable, Equatable {
    /// It is the derivative of the solution, to as many digits.
    case agrees(digits: Int)
    /// The layer's estimator is off by this fraction, at the converged solution too, where the exact
    /// adjoint is not.
    case biasedEstimator(error: Double)
    /// It is off by this fraction because the layer stops too early: the same estimator is right when
    /// the solve goes on.
    case looseSolve(error: Double)
    /// Even the exact adjoint at the converged solution is off: what the step itself says of its
    /// derivative is wrong.
    case wrongDerivative(error: Double)
    /// A sample of the image depends on another of the state, in words.
    case samplesMix(String)
    /// The map gives another image when it is evaluated again.
    case notDeterministic
    /// No solution was found near that of the layer: what is left there of f(z) - z, relative to f(z).
    case noSolution(residual: Double)
    /// The differences depend on the step wherever it lies: by this fraction at the best.
    case noPlateau(spread: Double)
  }

  /// One parameter or input.
  public struct Entry: Sendable {
    /// What it is called.
    public let name: String
    /// Whether its gradient is right.
    public let verdict: Verdict
    /// The derivative along a random direction by the layer's own gradient.
    public let derivative: Double
    /// The same by differences of converged solutions, and the step, relative to the size of the
    /// parameter, at which these depend on it least.
    public let difference: Double, step: Double
    /// The differences of all steps.
    public let sweep: [(step: Double, difference: Double)]
  }

  /// In the order of the parameters, the input last.
  public let entries: [Entry]
  /// What the estimator is called.
  public let estimator: String
  /// What is left of f(z) - z at the layer's own z, relative to f(z), in the worst sample.
  public let residual: Double

  /// Whether every gradient agrees.
  public var passed: Bool {
    entries.allSatisfy { if case .agrees = $0.verdict { true } else { false } }
  }

  /// A line for each entry: whether its gradient is right, else why not and what to do.
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

/// Two digits: 3.2e-5, or 1e-5.
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
