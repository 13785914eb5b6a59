import Tensors

/// What a solve found, and how it went.
public struct Solution: Sendable {
  /// The fixed point, or the best iterate of each sample where there was none.
  public let value: Tensor
  /// What happened, sample by sample.
  public let report: SolveReport

  /// A solution from its parts.
  public init(value: Tensor, report: SolveReport) {
    self.value = value
    self.report = report
  }
}

/// How a sample's solve ended.
public enum Outcome: Sendable, Equatable {
  /// The residual met the tolerance.
  case converged
  /// The limit of evaluations was reached before that.
  case limitReached
  /// The residual grew beyond a thousand times the first.
  case diverged
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
    /// The evaluations after which the sample was settled.
    public internal(set) var evaluations: Int
  }

  /// One entry per sample.
  public internal(set) var samples: [Sample]
  /// Evaluations of the map on the whole batch.
  public internal(set) var evaluations: Int

  /// Whether every sample met the tolerance.
  public var converged: Bool { samples.allSatisfy { $0.outcome == .converged } }

  /// The positions of the samples that ended in `outcome`.
  public func samples(_ outcome: Outcome) -> [Int] {
    samples.indices.filter { samples[$0].outcome == outcome }
  }

  /// What happened in words: which samples failed, how far they came, and what to try.
  public var description: String {
    if converged { return "all \(samples.count) samples converged in \(evaluations) evaluations" }
    let advice: [(Outcome, String, String)] = [
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
        .limitReached, "the tolerance was not met by", "allow more evaluations or a looser tolerance"
      ),
    ]
    let lines = advice.compactMap { outcome, text, remedy -> String? in
      let positions = samples(outcome)
      guard let worst = positions.max(by: { samples[$0].residual < samples[$1].residual }) else {
        return nil
      }
      let shown = positions.prefix(8).map(String.init).joined(separator: ", ")
      let list = "sample\(positions.count == 1 ? "" : "s") \(shown)"
      return "\(text) \(list)\(positions.count > 8 ? ", ..." : "") of \(samples.count) within "
        + "\(evaluations) evaluations (worst: sample \(worst), best residual "
        + "\(samples[worst].residual)); \(remedy)"
    }
    return lines.isEmpty
      ? "\(evaluations) evaluations; the residual was not measured"
      : lines.joined(separator: "\n")
  }
}
