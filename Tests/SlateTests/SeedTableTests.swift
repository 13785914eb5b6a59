import Foundation
import TestFolders
import Testing

@testable import slate

/// Tables of runs, and their arithmetic.
@Suite struct SeedTableTests {
  @Test("mean and deviation of known numbers")
  func statistics() throws {
    let some = try #require(SeedStatistics([2, 4, 4, 4, 5, 5, 7, 9]))
    #expect(some.mean == 5 && some.count == 8)
    #expect(abs(try #require(some.deviation) - (32.0 / 7).squareRoot()) < 1e-15)
    #expect(some.text == "5.0 ± 2.1")
    let one = try #require(SeedStatistics([3.25]))
    #expect(one.deviation == nil && one.text == "3.25")
    #expect(SeedStatistics([]) == nil)
    #expect(SeedStatistics([247.17, 246.2])?.text == "246.7 ± 0.7")
    #expect(SeedStatistics([0.0433, 0.0129])?.text == "0.028 ± 0.021")
    #expect(SeedStatistics([96.8, 90.1, 300])?.text == "162 ± 119")
    #expect(SeedStatistics([452, 452])?.text == "452 ± 0")
  }

  @Test("numbers at the ends of what a number holds")
  func extremes() throws {
    let apart = try #require(SeedStatistics([1e300, -1e300]))
    #expect(apart.mean == 0 && apart.text == "0 ± 1.41e+300")
    #expect(abs(try #require(apart.deviation) / 1e300 - 2.0.squareRoot()) < 1e-12)
    let large = try #require(SeedStatistics([1e200, 2e200]))
    #expect(large.text == "1.5e+200 ± 7.07e+199")
    let most = Double.greatestFiniteMagnitude
    #expect(SeedStatistics([most, most])?.mean == most)
    #expect(SeedStatistics([most, -most])?.deviation == nil)
    #expect(SeedStatistics([most, -most])?.text == "0")
    #expect(SeedStatistics([1, .infinity]) == nil && SeedStatistics([.nan]) == nil)
    for numbers in [[.leastNonzeroMagnitude, 1], [1e300, 0], [1e15, 2e15], [-1e14, 1]] {
      #expect(try #require(SeedStatistics(numbers)).text.count < 60)
      _ = try snakeCaseJSON(SeedStatistics(numbers))
    }
    #expect(LineFit([CurvePoint(x: 1e300, y: 1), CurvePoint(x: -1e300, y: 2)]) == nil)
    #expect(LineFit([CurvePoint(x: 0, y: most), CurvePoint(x: 1, y: -most)]) == nil)
    let error = #expect(throws: RunError.self) { try snakeCaseJSON(["someValue": Double.nan]) }
    #expect(error?.description.contains("is nan, which JSON cannot") == true, "\(error as Any)")
  }

  @Test("a line through known points, with the confidence interval of its slope")
  func lines() throws {
    // y = 1 + 2 x with errors of ±0.5: slope 2.1, intercept 0.85, rest 0.95, squares 5.
    let fit = try #require(
      LineFit([(0.0, 1.0), (1, 2.5), (2, 5.5), (3, 7)].map { CurvePoint(x: $0, y: $1) }))
    #expect(abs(fit.slope - 2.1) < 1e-12 && abs(fit.intercept - 0.85) < 1e-12)
    let rest = [0.15, -0.45, 0.45, -0.15].reduce(0.0) { $0 + $1 * $1 }
    #expect(
      abs(try #require(fit.halfWidth) - 4.3026527297 * (rest / 2 / 5).squareRoot()) < 1e-9)
    #expect(LineFit([CurvePoint(x: 1, y: 1), CurvePoint(x: 1, y: 2)]) == nil)
    #expect(LineFit([CurvePoint(x: 1, y: 1), CurvePoint(x: 2, y: 4)])?.halfWidth == nil)
    // Student's 97.5% quantiles, from a table.
    for (degrees, quantile) in [
      (1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (28, 2.048), (1000, 1.962),
    ] {
      #expect(abs(LineFit.quantile(degrees: degrees) / quantile - 1) < 2e-3, "\(degrees)")
    }
  }

  @Test("failed runs are counted and leave the means")
  func failures() {
    var table = SeedTable(
      groups: ["a", "b"], columns: [.init(key: "x", title: "X"), .init(key: "y", title: "Y")],
      entries: [
        .init(group: "a", seed: 1, failure: nil, values: ["x": 1]),
        .init(group: "a", seed: 0, failure: nil, values: ["x": 3]),
        .init(group: "a", seed: 2, failure: "NaN", values: ["x": 1000]),
        .init(group: "b", seed: 0, failure: "disk", values: [:]),
      ])
    table.published = ["a": ["x": "1.9"]]
    // Nobody measured y.
    #expect(
      table.markdown == """
        |  | runs | failed | X | published |
        |---|---:|---:|---:|---:|
        | a | 3 | 1 | 2.0 ± 1.4 | 1.9 |
        | b | 1 | 1 | - | - |

        """)
    #expect(
      table.markdownOfRuns == """
        |  | seed | X |
        |---|---:|---:|
        | a | 0 | 3 |
        | a | 1 | 1 |
        | a | 2 | failed |
        | b | 0 | failed |

        """)
    #expect(
      table.csv == """
        group,quantity,mean,deviation,runs,failed
        a,x,2.0,1.4142135623730951,2,1
        b,x,,,0,1

        """)
    #expect(table.rows[0].failed == 1 && table.rows[0].quantities["x"]?.count == 2)
  }

  @Test("what a run's metrics come to")
  func measurements() throws {
    let folder = try TemporaryFolder()
    let lines = """
      {"step": 0, "val_cross_entropy": 10, "val_mse": 3, "val_mse_hard": 4, "seconds": 0}
      {"step": 1, "loss": 9, "slot_gradient_norm": 1, "jacobian_spectral_norm": 2, "adjoint_cosine": null, "seconds_step": 3, "probe_seconds": 1}
      {"step": 2, "loss": 8, "slot_gradient_norm": 7, "seconds_step": 2}
      {"step": 2, "val_cross_entropy": 6, "val_mse": 2, "val_mse_hard": 3}
      {"step": 3, "loss": 7, "slot_gradient_norm": 3, "jacobian_spectral_norm": 1.5, "adjoint_cosine": 0.5, "seconds_step": 4}
      {"step": 4, "loss": 7, "slot_gradient_norm": null, "seconds_step": 2, "adjoint_cosine": 0.75}
      {"step": 4, "val_cross_entropy": 4, "val_mse": 1, "val_mse_hard": 2}

      """
    let url = folder.url.appending(path: "metrics.jsonl")
    try Data(lines.utf8).write(to: url)
    let found = try RunMeasurements(metrics: url)
    #expect(found.step == 4)
    #expect(found.values["val_cross_entropy"] == 4 && found.values["val_mse"] == 1)
    #expect(found.values["slot_gradient_norm"] == 3)
    #expect(found.values["slot_gradient_norm_largest"] == 7)
    #expect(found.values["jacobian_spectral_norm"] == 1.5)
    #expect(found.values["jacobian_spectral_norm_largest"] == 2)
    #expect(found.values["adjoint_cosine"] == 0.625)
    #expect(found.values["seconds_step"] == 2.5 && found.values["seconds_of_steps"] == 10)
    #expect(found.entropy(after: 2) == 6 && found.entropy(after: 3) == nil)
    // Validations stand after 0, 4 and 10 seconds of steps; probes do not count.
    #expect(found.entropyBySeconds.map(\.x) == [0, 4, 10])
    #expect(found.entropy(afterSeconds: 4) == 6)
    #expect(found.entropy(afterSeconds: 7) == 5)
    #expect(found.entropy(afterSeconds: 11) == nil)
    #expect(found.curves["slot_gradient_norm"]?.map(\.y) == [1, 7, 3])
  }

  @Test("runs are grouped by what they differ in, in three forms")
  func command() throws {
    let folder = try TemporaryFolder()
    var runs: [String] = []
    for (gradient, seed) in [("implicit", 0), ("implicit", 1), ("unrolled", 0), ("unrolled", 1)] {
      runs.append(folder.path("\(gradient)\(seed)"))
      #expect(
        try SlateProgram.trainTiny(
          "--gradient", gradient, "--no-straight-through", "--seed", "\(seed)", "--steps", "2",
          "--val-every", "1", out: runs[runs.count - 1]
        ).status == 0)
    }
    let unfinished = folder.path("unfinished")
    #expect(
      try SlateProgram.trainTiny(
        "--gradient", "unrolled", "--no-straight-through", "--seed", "2", "--steps", "1",
        "--val-every", "1", out: unfinished
      ).status == 0)
    let configuration = try String(contentsOfFile: unfinished + "/config.json", encoding: .utf8)
    try configuration.replacing("\"steps\" : 1", with: "\"steps\" : 2")
      .write(toFile: unfinished + "/config.json", atomically: true, encoding: .utf8)
    let markdown = try SlateProgram.run(
      ["table"] + runs + [unfinished, "--at", "1", "--evaluate"])
    #expect(markdown.status == 0, "\(markdown.errors)")
    #expect(markdown.output.contains("| gradient implicit | 2 | 0 |"), "\(markdown.output)")
    #expect(markdown.output.contains("| gradient unrolled | 3 | 1 |"))
    #expect(markdown.output.contains("cross-entropy at 1") && markdown.output.contains("mIoU"))
    #expect(markdown.errors.contains("it has made 1 of 2 steps"))
    #expect(FileManager.default.fileExists(atPath: runs[0] + "/scores.json"))
    let csv = try SlateProgram.run(["table"] + runs + ["--format", "csv"])
    #expect(csv.output.contains("gradient implicit,miou,"))
    let json = try SlateProgram.run(["table"] + runs + ["--format", "json", "--at", "1", "1"])
    #expect(json.status == 0, "\(json.errors)")
    let rows = try #require(
      JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    #expect(
      rows.compactMap { $0["group"] as? String } == ["gradient implicit", "gradient unrolled"])
    let nowhere = try SlateProgram.run("table", folder.path("nowhere"))
    #expect(nowhere.status == 1 && nowhere.errors.contains("no such folder"))
    let form = try SlateProgram.run("table", runs[0], "--format", "html")
    #expect(form.status == 64 && form.errors.contains("markdown"))
  }

  @Test("runs on other generated scenes are rows of their own; further training drops old scores")
  func scenes() throws {
    let folder = try TemporaryFolder()
    for style in ["plain", "mirror"] {
      let trained = try SlateProgram.trainTiny(
        "--steps", "1", "--scenes", style, out: folder.path(style))
      #expect(trained.status == 0, "\(trained.errors)")
    }
    let table = try SlateProgram.run(
      "table", folder.path("plain"), folder.path("mirror"), "--evaluate")
    #expect(table.status == 0, "\(table.errors)")
    for style in ["plain", "mirror"] {
      #expect(table.output.contains("generated \(style) scenes"), "\(table.output)")
    }
    let scores = folder.path("plain/scores.json")
    #expect(FileManager.default.fileExists(atPath: scores))
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("plain"), "--steps", "2", "--workers", "2")
    #expect(resumed.status == 0 && !FileManager.default.fileExists(atPath: scores))
  }
}
