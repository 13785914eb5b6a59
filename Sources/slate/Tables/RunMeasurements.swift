import Foundation
import Training

/// The measurements of a run: numbers for tables, and curves.
struct RunMeasurements: Sendable {
  /// The numbers by name; those that are not finite are left out.
  private(set) var values: [String: Double] = [:]
  /// The curves by name, as points against steps.
  private(set) var curves: [String: [CurvePoint]] = [:]
  /// The validation cross-entropy against the seconds of the steps before it.
  private(set) var entropyBySeconds: [CurvePoint] = []
  /// The last step.
  private(set) var step = 0

  /// The number of parts into which the steps are divided; the median of each part is drawn.
  private static let parts = 50

  /// Reads a run's metrics.
  ///
  /// Of validations, the last one is used; of gradient norms, the median over all steps and the
  /// largest; of spectral norms, the last and the largest; of residuals and cosines, the mean over
  /// the probes; of times, the median of the steps, and their sum without probes.
  ///
  /// - Throws: `LogError` naming the file that cannot be read.
  init(metrics url: URL) throws {
    let lines = try MetricsLog.read(url)
    let training = lines.filter { $0["loss"] != nil }
    step = lines.compactMap { $0["step"].flatMap { Int(exactly: $0) } }.max() ?? 0
    var seconds = 0.0
    for line in lines {
      if let time = line["seconds_step"] { seconds += time - (line["probe_seconds"] ?? 0) }
      guard let entropy = line["val_cross_entropy"], let step = line["step"] else { continue }
      add("val_cross_entropy", step, entropy)
      if entropy.isFinite { entropyBySeconds.append(CurvePoint(x: seconds, y: entropy)) }
      for key in ["val_mse", "val_mse_hard"] {
        if let value = line[key] { add(key, step, value) }
      }
    }
    for line in training {
      for key in ["jacobian_spectral_norm", "relative_residual", "adjoint_cosine"] {
        if let value = line[key], let step = line["step"] { add(key, step, value) }
      }
    }
    for (key, curve) in curves {
      set(key, curve.last?.y)
      if key == "jacobian_spectral_norm" { set(key + "_largest", curve.map(\.y).max()) }
      if ["relative_residual", "adjoint_cosine"].contains(key) {
        set(key, curve.reduce(0) { $0 + $1.y } / Double(curve.count))
      }
    }
    for key in ["gradient_norm", "slot_gradient_norm"] {
      let points = training.compactMap { line -> CurvePoint? in
        guard let step = line["step"], let norm = line[key], norm.isFinite else { return nil }
        return CurvePoint(x: step, y: norm)
      }
      set(key, median(points.map(\.y)))
      set(key + "_largest", points.map(\.y).max())
      curves[key] = RunMeasurements.medians(of: points)
    }
    set("seconds_step", median(training.compactMap { $0["seconds_step"] }))
    set("seconds_of_steps", seconds)
  }

  private init(values: [String: Double]) { self.values = values }

  /// All measurements of one run of an experiment.
  ///
  /// - Throws: `LogError` or `RunError` naming the file that cannot be read.
  init(of run: ExperimentPlan.Run, in plan: ExperimentPlan) throws {
    if case .passes = plan.experiment.work {
      self.init(values: try RunMeasurements.numbers(in: run.cost))
      return
    }
    try self.init(metrics: run.folder.metrics)
    for (key, value) in try RunMeasurements.numbers(in: run.scores()) { values[key] = value }
    for iterations in plan.experiment.testIterations(run.arm) {
      let scores = try RunMeasurements.numbers(in: run.scores(iterations: iterations))
      for (key, value) in scores {
        curves[key + "_by_test_iterations", default: []]
          .append(CurvePoint(x: Double(iterations), y: value))
      }
    }
  }

  /// Adds the values that `slate evaluate --json` has printed.
  mutating func add(_ scores: [String: Double]) { values.merge(scores) { $1 } }

  /// The validation cross-entropy after a number of steps; nil if there was no validation.
  func entropy(after step: Int) -> Double? {
    curves["val_cross_entropy"]?.first { $0.x == Double(step) }?.y
  }

  /// The validation cross-entropy after a time of training, interpolated linearly between
  /// validations; nil outside of them.
  func entropy(afterSeconds seconds: Double) -> Double? {
    guard let next = entropyBySeconds.firstIndex(where: { $0.x >= seconds }) else { return nil }
    let end = entropyBySeconds[next]
    guard next > 0, end.x > seconds else { return end.x == seconds ? end.y : nil }
    let start = entropyBySeconds[next - 1]
    return start.y + (end.y - start.y) * (seconds - start.x) / (end.x - start.x)
  }

  /// The numbers of a JSON object; null is left out.
  ///
  /// - Throws: `RunError` naming the file.
  static func numbers(in url: URL) throws -> [String: Double] {
    guard let data = try SmallFile.contents(url.path),
      let values = try? JSONDecoder().decodeUntrusted([String: Double?].self, from: data)
    else {
      throw RunError(
        path: url.relativePath, reason: "it is no JSON object of numbers",
        remedy: "remove it, so that it is measured again")
    }
    return values.compactMapValues { $0 }
  }

  private mutating func add(_ key: String, _ x: Double, _ y: Double) {
    if y.isFinite { curves[key, default: []].append(CurvePoint(x: x, y: y)) }
  }

  private mutating func set(_ key: String, _ value: Double?) {
    values[key] = value.flatMap { $0.isFinite ? $0 : nil }
  }

  /// The median of each of several equal parts of the steps.
  private static func medians(of points: [CurvePoint]) -> [CurvePoint] {
    let length = max(1, points.count / parts)
    return stride(from: 0, to: points.count, by: length).compactMap { start in
      let part = points[start..<min(start + length, points.count)]
      guard let last = part.last, let middle = median(part.map(\.y)) else { return nil }
      return CurvePoint(x: last.x, y: middle)
    }
  }
}

/// A point of a curve.
struct CurvePoint: Codable, Equatable, Sendable {
  let x: Double
  let y: Double
}

/// The median; for an even count, the mean of both numbers in the middle.
///
/// Nil if there are no numbers.
func median(_ numbers: [Double]) -> Double? {
  guard !numbers.isEmpty else { return nil }
  let sorted = numbers.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
