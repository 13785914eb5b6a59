/// How fast a sample's residual falls with its present method.
struct Pace {
  private var steps = 0
  private var best = Double.infinity
  private var bestBefore = Double.infinity

  /// Why the method is too slow, if its best residual has not fallen enough over a stretch.
  ///
  /// The first method is cheap and has three evaluations for each eighth; the others have longer
  /// for each half, and every further round twice as long.
  ///
  /// `index` is the place of the method in the list, `round` how often the sample was with it before.
  mutating func slowness(_ residual: Double, of index: Int, round: Int) -> String? {
    let isBrief = index == 0 && round == 0
    let stretch = isBrief ? 3 : (10 + 5 * index) << min(round, 20)
    best = min(best, residual)
    defer { steps += 1 }
    if steps == 0 { bestBefore = best }
    guard steps > 0, steps % stretch == 0 else { return nil }
    if best < (isBrief ? 0.125 : 0.5) * bestBefore {
      bestBefore = best
      return nil
    }
    return "after \(steps + 1) evaluations the residual is \(residual), its best fell from "
      + "\(bestBefore) to \(best) in \(stretch) steps"
  }
}
