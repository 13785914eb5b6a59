/// How a sample fares with its present method.
struct MethodProgress: Sendable {
  private var steps = 0
  /// The best residual so far, and when the current stretch began.
  private var best = Double.infinity
  private var bestBefore = Double.infinity

  /// Takes note of a residual.
  ///
  /// - Returns: why the method is too slow, if the best residual of the last `stretch` steps is not
  ///   below `factor` times the best before; else nil.
  mutating func slowness(_ residual: Double, over stretch: Int, factor: Double) -> String? {
    if residual < best { best = residual }
    defer { steps += 1 }
    if steps == 0 { bestBefore = best }
    guard !residual.isFinite || (steps > 0 && steps % stretch == 0) else { return nil }
    if residual.isFinite, best < factor * bestBefore {
      bestBefore = best
      return nil
    }
    return "after \(steps + 1) evaluations the residual is \(residual), its best fell from "
      + "\(bestBefore) to \(best) in \(stretch) steps"
  }
}
