import Foundation
import Testing

@testable import slate

/// results.json and times.json of an experiment.
@Suite struct ExperimentFilesTests {
  private func object(_ json: String) throws -> [String: Any] {
    #expect(json.hasSuffix("}\n"))
    return try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
  }

  private func objects(_ value: Any?) throws -> [[String: Any]] {
    try #require(value as? [[String: Any]])
  }

  /// The names of the quantities of each row.
  private func quantities(_ table: Any?) throws -> [[String]] {
    try objects(table).map { try #require($0["quantities"] as? [String: Any]).keys.sorted() }
  }

  @Test("what follows from seeds and data: the plan, every run, the table and the slopes")
  func determined() throws {
    let results = try object(WrittenExperiment().results().determinedJSON())
    #expect(
      results.keys.sorted() == [
        "arms", "experiment", "published", "runs", "scale", "seeds", "shows", "slopes", "source",
        "table",
      ])
    #expect(results["experiment"] as? String == "speed" && results["scale"] as? String == "small")
    #expect(results["shows"] as? String == "How fast." && results["seeds"] as? Int == 2)
    #expect(results["source"] as? String == "Nobody (2022)")
    #expect(results["published"] as? [String] == ["Fast: 0.9."])

    let arms = try objects(results["arms"])
    try #require(arms.map { $0["label"] as? String } == ["slow", "fast"])
    #expect(arms.map { $0["line"] as? String } == ["line", "line"])
    #expect(arms.map { $0["x"] as? Double } == [1, 3])
    let configurations = arms.map { $0["configuration"] as? [String: Any] }
    #expect(configurations.map { $0?["iterations"] as? Int } == [7, 9])
    #expect((arms[0]["data"] as? [String: Any])?["scenes"] as? String == "plain")

    let runs = try objects(results["runs"])
    try #require(runs.map { $0["arm"] as? String } == ["slow", "fast", "slow", "fast"])
    #expect(runs.map { $0["seed"] as? Int } == [0, 0, 1, 1])
    #expect(runs.map { $0["failure"] as? String } == [nil, nil, "the disk is full", nil])
    let values = runs.map { $0["values"] as? [String: Double] }
    #expect(
      values == [
        ["val_cross_entropy": 6, "fg_ari": 0.25], ["val_cross_entropy": 5, "fg_ari": 0.75],
        // It failed after its last step, before it was measured.
        ["val_cross_entropy": 6], ["val_cross_entropy": 3, "fg_ari": 0.5],
      ])
    let curves = try #require(runs[1]["curves"] as? [String: [[String: Double]]])
    #expect(
      curves["val_cross_entropy"] == [["x": 0, "y": 10], ["x": 1, "y": 7], ["x": 2, "y": 5]])
    #expect(
      curves["fg_ari_by_test_iterations"] == [["x": 2, "y": 0.375], ["x": 8, "y": 0.09375]])

    let table = try objects(results["table"])
    try #require(table.map { $0["runs"] as? Int } == [2, 2])
    #expect(table.map { $0["failed"] as? Int } == [1, 0])
    #expect(
      try quantities(results["table"])
        == Array(repeating: ["fg_ari", "val_cross_entropy"], count: 2))
    let entropy = try #require(table[1]["quantities"] as? [String: [String: Double]])
    #expect(
      entropy["val_cross_entropy"] == ["mean": 4, "deviation": 2.0.squareRoot(), "count": 2])
    #expect(table[0]["published"] as? [String: String] == ["fg_ari": "0.4"])

    // Through (1, 0.25), (3, 0.75) and (3, 0.5).
    let slopes = try objects(results["slopes"])
    try #require(slopes.map { $0["quantity"] as? String } == ["fg_ari"])
    let fit = try #require(slopes[0]["fit"] as? [String: Any])
    #expect(abs(try #require(fit["slope"] as? Double) - 0.1875) < 1e-12)
    #expect(fit["count"] as? Int == 3 && slopes[0]["is_logarithmic"] as? Bool == false)
  }

  @Test("what the machine decides: times, and what was reached at equal time")
  func timed() throws {
    let times = try object(WrittenExperiment().results().timesJSON())
    #expect(times.keys.sorted() == ["equal_time", "runs", "slopes", "table"])
    // The fast arm has ended after two steps of 2 s; the slow one has then made one step.
    #expect(times["equal_time"] as? Double == 4)
    let runs = try objects(times["runs"])
    try #require(runs.map { $0["arm"] as? String } == ["slow", "fast", "slow", "fast"])
    func timesOfRun(_ step: Double, _ entropy: Double) -> [String: Double] {
      [
        "seconds_step": step, "seconds_of_steps": 2 * step,
        "val_cross_entropy_at_equal_time": entropy,
      ]
    }
    #expect(
      runs.map { $0["values"] as? [String: Double] } == [
        timesOfRun(4, 8), timesOfRun(2, 5), timesOfRun(4, 8), timesOfRun(2, 3),
      ])
    let curve = runs[1]["val_cross_entropy_by_seconds"] as? [[String: Double]]
    #expect(curve == [["x": 0, "y": 10], ["x": 2, "y": 7], ["x": 4, "y": 5]])
    #expect(
      try quantities(times["table"])
        == Array(repeating: ["seconds_step", "val_cross_entropy_at_equal_time"], count: 2))
    let slopes = try objects(times["slopes"])
    try #require(slopes.map { $0["quantity"] as? String } == ["seconds_step"])
    let slope = (slopes[0]["fit"] as? [String: Any])?["slope"] as? Double
    #expect(abs(try #require(slope) + log10(2) / 2) < 1e-12)
  }

  @Test("a repetition on a slower machine has the same results and other times")
  func repetition() throws {
    let (once, again) = (
      try WrittenExperiment().results(), try WrittenExperiment(factor: 1.5).results()
    )
    #expect(try once.determinedJSON() == again.determinedJSON())
    #expect(try once.timesJSON() != again.timesJSON())
    #expect(try object(again.timesJSON())["equal_time"] as? Double == 6)
  }

  @Test("arms whose runs are the same are named in the report")
  func alike() throws {
    let (usual, same) = (
      try WrittenExperiment(fails: false).results(),
      try WrittenExperiment(fails: false, changesNothing: true).results()
    )
    #expect(usual.alike.isEmpty && same.alike == [["slow", "fast"]])
    let line = "The runs of `slow`, `fast` are the same in every validation"
    #expect(!ExperimentReport(usual).text(charts: [], pictures: []).contains(line))
    #expect(ExperimentReport(same).text(charts: [], pictures: []).contains(line))
  }
}
