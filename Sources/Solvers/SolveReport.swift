import Tensors

/// What happened in a solve.
public struct SolveReport: Sendable, CustomStringConvertible {
  /// One sample of the batch.
  public struct Sample: Sendable, Equatable {
    /// How it ended.
    public var outcome: Outcome
    /// |f(z) - z| at the returned z; NaN if it was not measured, infinite if it never was finite.
    public var residual: Double
    /// The residual divided by |f(z)|.
    public var relativeResidual: Double
    /// The evaluations of the map on this sample until it was settled.
    public var evaluations: Int
    /// The decisions of the solver and their reasons, in words, for instance a change of method.
    public var remarks: [String] = []
    /// |f(z) - z| of every iterate, if the stopping rule asked for it; else empty.
    public var trace: [Double] = []
    /// |dF| / |dz|, by how much F(z) = z - f(z) changes with z near the returned z.
    ///
    /// Nil unless the stopping rule was one of accuracy; NaN where nothing is known of it. The residual
    /// divided by it estimates how far z is from the solution.
    public var slope: Double?
    /// How many steps the gradient of this sample goes through, if the solve was unrolled; else nil.
    public var differentiatedSteps: Int?

    /// Makes the entry of a sample.
    public init(
      outcome: Outcome, residual: Double, relativeResidual: Double, evaluations: Int
    ) {
      (self.outcome, self.residual) = (outcome, residual)
      (self.relativeResidual, self.evaluations) = (relativeResidual, evaluations)
    }
  }

  /// One entry per sample.
  public var samples: [Sample]
  /// The number of calls of the map, on the whole batch or a part of it.
  public var evaluations = 0
  /// Evaluations summed over samples: what the calls cost.
  ///
  /// A call on the whole batch counts as many as it has samples, done or not.
  public var sampleEvaluations = 0
  /// The number of products with the Jacobian, J s or J^T v, on the whole batch or a part of it.
  public var jacobianProducts = 0
  /// The dtype of the state.
  public let dtype: DType
  /// The rule that was to end the solve.
  public let rule: StoppingRule
  /// The name of the solver.
  public let solver: String
  /// Whether every step was z <- f(z), so that the residuals show how f contracts.
  public let isPlainIteration: Bool

  /// A report on a solve of so many samples that has not begun.
  public init(batch: Int, dtype: DType, rule: StoppingRule, solver: some ForwardSolver) {
    let isMeasured = rule.tolerance != nil
    let unknown = Sample(
      outcome: isMeasured ? .limitReached : .notMeasured, residual: isMeasured ? .infinity : .nan,
      relativeResidual: .nan, evaluations: 0)
    samples = Array(repeating: unknown, count: batch)
    self.dtype = dtype
    self.rule = rule
    self.solver = solver.name
    isPlainIteration = solver.isPlainIteration
  }

  /// Whether every sample met the tolerance.
  public var converged: Bool { samples.allSatisfy { $0.outcome == .converged } }

  /// The positions of the samples that were to meet a tolerance and did not.
  public var failed: [Int] { samples.indices.filter { samples[$0].outcome.isFailure } }

  /// The positions of the samples that ended in `outcome`.
  public func samples(_ outcome: Outcome) -> [Int] {
    samples.indices.filter { samples[$0].outcome == outcome }
  }

  /// What happened in words: which samples failed, how far they came, and what to try.
  public var description: String {
    let lines = Self.advice.compactMap { outcome, text, remedy in
      sentence(about: samples(outcome), text, remedy)
    }
    let described =
      converged
      ? "all \(samples.count) samples converged in \(evaluations) evaluations"
      : lines.isEmpty
        ? "\(evaluations) evaluations; the residual was not measured"
        : lines.joined(separator: "\n")
    return described + (unrollingNote.map { "; " + $0 } ?? "")
  }

  /// As `description`, of a point that was tested and from which no step was taken.
  var descriptionOfGivenPoint: String {
    let texts = failed.prefix(8).map { sample in
      let (entry, slope) = (samples[sample], samples[sample].slope ?? .nan)
      let distance =
        slope > 0
        ? "which is a distance of about \(entry.residual / slope) by the slope \(slope)"
        : "and its slope there does not say how far away a solution is"
      return "in sample \(sample) |F| is \(entry.residual), \(distance)"
    }
    let floor = resolutionNote(failed).map { "; " + $0 } ?? ""
    let asked = rule.tolerance.map { "\($0.relative) relative + \($0.absolute) absolute" } ?? ""
    return "the given point is no solution to an accuracy of \(asked) in \(failed.count) of "
      + "\(samples.count) samples: \(texts.joined(separator: ", "))\(failed.count > 8 ? ", ..." : "")"
      + "; find it more accurately, or ask for less (tolerance:, absolute:)\(floor)"
  }

  private static let advice: [(Outcome, String, String)] = [
    (
      .nonFinite, "the map returned NaN or infinity for",
      "look for an overflow or a division by zero in the map, or start nearer to the solution"
    ),
    (
      .diverged, "the residual grew a thousandfold in",
      "the map may not be a contraction: damp the iteration, use another solver, start nearer to the "
        + "solution, or scale recurrent weights down"
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
    var line =
      "\(text) \(list(positions)) of \(samples.count) within "
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

  private func list(_ positions: [Int]) -> String {
    let shown = positions.prefix(8).map(String.init).joined(separator: ", ")
    return "sample\(positions.count == 1 ? "" : "s") \(shown)\(positions.count > 8 ? ", ..." : "")"
  }

  /// Which gradients went through so few steps that they are truncated more than the value shows.
  private var unrollingNote: String? {
    let short = samples.indices.filter {
      samples[$0].differentiatedSteps == 1 && samples[$0].evaluations == 1
    }
    guard rule.tolerance != nil, !short.isEmpty else { return nil }
    return "the start was accepted at once in \(list(short)), so that the gradient there goes "
      + "through one application of the map; start further away, or use an implicit estimator"
  }

  /// Why a tolerance cannot be met in this dtype, where rounding is what is left.
  private func resolutionNote(_ positions: [Int]) -> String? {
    guard let tolerance = rule.tolerance else { return nil }
    let resolution = dtype.machineEpsilon
    let atFloor = positions.filter { position in
      let sample = samples[position]
      guard sample.relativeResidual <= 64 * resolution else { return false }
      // What was still contracting at the limit could have met a tolerance that the dtype resolves.
      let least = 8 * resolution / (tolerance.isOfDistance ? sample.slope ?? 1 : 1)
      return sample.outcome == .stalled
        || sample.outcome == .limitReached && !(tolerance.relative >= least)
    }
    guard let sample = atFloor.first else { return nil }
    if tolerance.isOfDistance {
      return samples[sample].slope?.isNaN == true
        ? nil : slopeNote(sample, tolerance, resolution)
    }
    let remedy = dtype == .float32 ? "use float64 or ask" : "ask"
    return
      "the residual of sample \(sample), \(samples[sample].relativeResidual) of |f(z)|, is "
      + "rounding: numbers of \(dtype) resolve \(resolution), but the tolerance is \(tolerance.relative) "
      + "relative + \(tolerance.absolute) absolute; \(remedy) for a relative residual of at least "
      + "\(8 * resolution)"
  }

  /// Says that a residual is rounding, where the tolerance bounds the distance from the solution.
  private func slopeNote(
    _ sample: Int, _ tolerance: StoppingRule.Tolerance, _ resolution: Double
  ) -> String {
    let slope = samples[sample].slope ?? 1
    let remedy =
      slope > 0
      ? "multiply the equation by about \(1 / slope), so that its slope is 1, or ask for a relative "
        + "accuracy of at least \(8 * resolution / slope)"
      : "multiply the equation by a large number"
    return
      "the residual of sample \(sample) is rounding: numbers of \(dtype) resolve \(resolution) of z, "
      + "and z - f(z) changes by \(slope) of a change of z there, where an accuracy of "
      + "\(tolerance.relative) relative + \(tolerance.absolute) absolute is asked for; \(remedy)"
  }
}
