import Tensors

/// How a sample's solve ended.
public enum Outcome: Sendable, Equatable {
  /// The residual met the tolerance.
  case converged
  /// The limit of evaluations was reached before that.
  case limitReached
  /// The residual grew beyond a thousand times the first.
  case diverged
  /// Going on brought nothing more.
  case stalled
  /// The map returned NaN or infinity.
  case nonFinite
  /// The rule asked for a number of evaluations, so the residual was not measured.
  case notMeasured
}

/// What happened in a solve.
public struct SolveReport: Sendable, CustomStringConvertible {
  /// One sample of the batch.
  public struct Sample: Sendable, Equatable {
    /// How it ended.
    public internal(set) var outcome: Outcome
    /// |f(z) - z| at the returned z; NaN if it was not measured, infinite if it never was finite.
    public internal(set) var residual: Double
    /// The residual divided by |f(z)|.
    public internal(set) var relativeResidual: Double
    /// The evaluations of the map on this sample until it was settled.
    public internal(set) var evaluations: Int
    /// What the solver decided on the way and why, in words: a change of method, for instance.
    public internal(set) var remarks: [String] = []
    /// |f(z) - z| of every iterate, if the stopping rule asked for it; else empty.
    public internal(set) var trace: [Double] = []
  }

  /// One entry per sample.
  public internal(set) var samples: [Sample]
  /// Calls of the map, on whatever part of the batch.
  public internal(set) var evaluations = 0
  /// Evaluations summed over samples: what the calls cost.
  ///
  /// A call on the whole batch counts as many as it has samples, done or not.
  public internal(set) var sampleEvaluations = 0
  /// Products with the Jacobian, J s or J^T v, on whatever part of the batch.
  public internal(set) var jacobianProducts = 0

  let dtype: DType
  let rule: StoppingRule

  /// Whether every sample met the tolerance.
  public var converged: Bool { samples.allSatisfy { $0.outcome == .converged } }

  /// The positions of the samples that ended in `outcome`.
  public func samples(_ outcome: Outcome) -> [Int] {
    samples.indices.filter { samples[$0].outcome == outcome }
  }

  /// What happened in words: which samples failed, how far they came, and what to try.
  public var description: String {
    if converged { return "all \(samples.count) samples converged in \(evaluations) evaluations" }
    let lines = Self.advice.compactMap { outcome, text, remedy in
      sentence(about: samples(outcome), text, remedy)
    }
    return lines.isEmpty
      ? "\(evaluations) evaluations; the residual was not measured"
      : lines.joined(separator: "\n")
  }

  private static let advice: [(Outcome, String, String)] = [
    (
      .nonFinite, "the map returned NaN or infinity for",
      "look for an overflow or a division by zero in the map, or start nearer to the solution"
    ),
    (
      .diverged, "the residual grew a thousandfold in",
      "the map may not be a contraction: damp the iteration, use another solver, or scale the "
        + "recurrent weights down"
    ),
    (
      .stalled, "the residual stopped falling in",
      "the iteration may cycle: damp it or use another solver"
    ),
    (
      .limitReached, "the tolerance was not met by", "allow more evaluations or a looser tolerance"
    ),
  ]

  private func sentence(about positions: [Int], _ text: String, _ remedy: String) -> String? {
    guard let worst = positions.max(by: { samples[$0].residual < samples[$1].residual }) else {
      return nil
    }
    let shown = positions.prefix(8).map(String.init).joined(separator: ", ")
    let list = "sample\(positions.count == 1 ? "" : "s") \(shown)"
    var line =
      "\(text) \(list)\(positions.count > 8 ? ", ..." : "") of \(samples.count) within "
      + "\(evaluations) evaluations (worst: sample \(worst), best residual "
      + "\(samples[worst].residual)); \(remedy)"
    let started = positions.filter { samples[$0].evaluations == 0 }
    if !started.isEmpty {
      line +=
        "; the initial state already is not finite in "
        + started.prefix(8).map(String.init).joined(separator: ", ")
    }
    if let floor = resolutionNote(positions) { line += "; \(floor)" }
    return line
  }

  /// Why a tolerance cannot be met in this dtype, where rounding is what is left.
  private func resolutionNote(_ positions: [Int]) -> String? {
    guard let tolerance = rule.tolerance else { return nil }
    let resolution = dtype.unitRoundoff
    let atFloor = positions.filter {
      [.stalled, .limitReached].contains(samples[$0].outcome)
        && samples[$0].relativeResidual <= 64 * resolution
    }
    guard let sample = atFloor.first else { return nil }
    let remedy = dtype == .float32 ? "use float64 or ask" : "ask"
    return
      "the residual of sample \(sample), \(samples[sample].relativeResidual) of |f(z)|, is "
      + "rounding: numbers of \(dtype) resolve \(resolution), but the tolerance is \(tolerance.relative) "
      + "relative + \(tolerance.absolute) absolute; \(remedy) for a relative residual of at least "
      + "\(8 * resolution)"
  }
}
