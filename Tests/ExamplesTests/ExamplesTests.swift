import Foundation
import TestFolders
import Testing

/// Every example runs to its end and prints what it promises.
@Suite struct ExamplesTests {
  @Test func customCellLearnsTheSpirals() throws {
    let output = try ExampleProgram(name: "CustomCell").output()
    let last = try #require(output.split(separator: "\n").last)
    #expect(try #require(numbers(last).first) > 95, "\(output)")
  }

  @Test func digitsAreReadByEveryNetwork() throws {
    let output = try ExampleProgram(name: "Digits").output("quick")
    let rows = output.split(separator: "\n").dropFirst(2).prefix(4).map { row in
      row.split(separator: "|").dropFirst().map { numbers($0) }
    }
    try #require(rows.count == 4, "\(output)")
    for row in rows {
      #expect(row[0] == rows[3][0], "networks of one size: \(output)")
      #expect(try #require(row[1].first) > 88, "\(output)")
    }
    // Bytes between the passes: an implicit gradient keeps one application, unrolling all of them.
    #expect(rows[0][3][0] * 2 < rows[2][3][0], "\(output)")
  }

  @Test func customSolverPasses() throws {
    let output = try ExampleProgram(name: "CustomSolver").output()
    #expect(output.hasPrefix("heavy ball passes every check"))
  }

  @Test func customEstimatorPasses() throws {
    let output = try ExampleProgram(name: "CustomEstimator").output()
    #expect(output.hasPrefix("minimal residual passes every check"))
  }

  @Test func keplerAgreesWithTheClosedForm() throws {
    let lines = try ExampleProgram(name: "Kepler").output().split(separator: "\n")
    for line in lines[1...6] {
      let found = numbers(line).suffix(5)
      #expect(found.count == 5)
      // The last two are dE/de and its closed form.
      let (own, exact) = (found[found.endIndex - 2], found[found.endIndex - 1])
      #expect(abs(own - exact) <= 2e-5 * abs(exact), "\(line)")
    }
    // Orbits that are done leave the solve.
    let work = numbers(lines[7])
    #expect(work[0] * 3 < work[work.count - 1], "\(lines[7])")
  }

  @Test func ridgePenaltyIsTheBestOfTheGrid() throws {
    let lines = try ExampleProgram(name: "RidgePenalty").output().split(separator: "\n")
    let found = numbers(lines[6])
    let grid = numbers(lines[7].replacing("best of 4001 on a grid", with: ""))
    #expect(abs(found[1] - grid[0]) < 0.01 * grid[0], "\(lines)")
    #expect(found[2] <= grid[1] + 1e-5 && abs(found[3]) < 1e-5 && found[4] > 0, "\(lines)")
  }

  @Test func newtonsMethodOnTheBiasFindsIt() throws {
    let output = try ExampleProgram(name: "EquilibriumHessian").output()
    #expect(output.hasPrefix("largest curvature "))
    #expect(output.contains("step 5: |b - exact| below 1e-9"), "\(output)")
  }

  @Test func sharesMoveAsDifferencesSay() throws {
    let output = try ExampleProgram(name: "Portfolio").output()
    let rows = output.split(separator: "\n").filter { $0.hasPrefix("  ") }.map { numbers($0) }
    #expect(rows.count == 12)
    for row in rows {
      #expect(row[0] >= 0 && abs(row[1] - row[2]) <= 1.5e-4, "\(output)")
    }
    for portfolio in 0..<3 {
      let shares = rows[portfolio * 4..<portfolio * 4 + 4]
      #expect(abs(shares.reduce(0) { $0 + $1[0] } - 1) < 0.0025)
      #expect(abs(shares.reduce(0) { $0 + $1[1] }) < 0.0003)
    }
  }

  /// With how many lines of each have two values of one thing.
  @Test(arguments: [("tutorial", 1), ("roots", 0), ("minima", 0), ("own-solver", 1)])
  func everyPageOfEquationsIsPrinted(_ page: String, compared: Int) throws {
    let lines = try ExampleProgram(name: "Equations").output(page).split(separator: "\n")
    #expect(lines.count >= 5)
    let both = lines.filter {
      $0.contains(" and in closed form: ") || $0.contains(" by differences: ")
    }
    #expect(both.count >= compared)
    for line in both {
      let found = numbers(line)
      let half = found.count / 2
      for index in 0..<half { #expect(abs(found[index] - found[half + index]) < 1.5e-4, "\(line)") }
    }
  }

  @Test func sinkhornAgreesWithDifferences() throws {
    let output = try ExampleProgram(name: "Sinkhorn").output()
    let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("largest diff") })
    #expect(try #require(numbers(line).first) < 1e-7)
    #expect(output.contains("reference: least squares (dense SVD), as I - J is singular"))
  }

  @Test func pageRankPredictsNewLinks() throws {
    let output = try ExampleProgram(name: "PageRank").output()
    let links = output.split(separator: "\n").filter { $0.hasPrefix("from ") }.map { numbers($0) }
    #expect(links.count >= 4)
    for pair in links { #expect(pair.count == 2 && pair[0] * pair[1] > 0, "\(pair)") }
    #expect(output.contains("the gradient's advice: a link from "))
  }

  @Test func slotAttentionIsTheSameImplicitlyAndUnrolled() throws {
    let output = try ExampleProgram(name: "SlotAttention").output()
    for name in ["GMRES ", "unrolled ", "unrolled, checkpoints "] {
      let line = try #require(output.split(separator: "\n").first { $0.hasPrefix(name) })
      #expect(numbers(line.dropFirst(name.count))[1] < 1e-6, "\(line)")
    }
  }

  @Test(arguments: ["tanh", "slot-attention", "kepler", "pagerank"])
  func compareEstimatorsWritesEverything(_ cell: String) throws {
    let temporary = try TemporaryFolder()
    let folder = temporary.url.appending(path: "comparison")
    let output = try ExampleProgram(name: "CompareEstimators").output(
      "--cell", cell, "--out", folder.path, "--repeats", "1")
    #expect(output.contains("exact (LU)") && output.contains("spectral radius"))
    for name in [
      "estimators.md", "estimators.csv", "estimators.json", "estimators-wide.svg",
      "estimators-narrow.svg", "error-by-terms.csv", "error-by-products.csv",
      "error-by-tolerance-wide.svg",
      "tape-memory-narrow.svg", "backward-time.json",
    ] {
      let data = try Data(contentsOf: folder.appending(path: name))
      #expect(data.count > 200, "\(name)")
    }
    let json = try Data(contentsOf: folder.appending(path: "estimators.json"))
    #expect(try JSONSerialization.jsonObject(with: json) is [String: Any])
  }
}
