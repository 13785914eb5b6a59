import RandomCells
import Testing

/// A share of what `SweepRandomCells` tries: claims of solvers and estimators beside dense solutions.
@Suite struct RandomCellsTests {
  @Test("what solvers and estimators claim of random cells is true")
  func claims() {
    let sweep = Sweep(seed: 2)
    for number in 0..<100 {
      sweep.judge(cell: number, oneOf: 5) { violation in
        Issue.record("\(violation)")
      }
    }
  }

  @Test("an expanding map fails aloud in fixedPoint, or has its fixed point found")
  func expanding() {
    let sweep = Sweep(seed: 2)
    for number in 0..<100 {
      for violation in sweep.expandingViolations(number) { Issue.record("\(violation)") }
    }
  }
}
