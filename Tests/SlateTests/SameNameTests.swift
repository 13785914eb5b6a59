import Foundation
import Images
import TestFolders
import Testing

@testable import slate

/// Things of the same name are kept apart, and one thing of two names is one.
@Suite struct SameNameTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("names that occur several times are numbered until no two are the same")
  func numbers() {
    #expect(distinct(["a", "b"]) { "\($0)-\($1.position)" } == ["a", "b"])
    #expect(
      distinct(["a", "b", "a", "a-1"]) { "\($0)-\($1.ordinal)" } == ["a-1-1", "b", "a-2", "a-1"])
    #expect(
      distinct(["a", "a", "a-0"]) { "\($0)-\($1.position)" } == ["a-0-0", "a-1", "a-0"])
    let many = ["a", "a-1", "a", "a-1", "a-1-1", "a-2", "a"]
    #expect(Set(distinct(many) { "\($0)-\($1.ordinal)" }).count == many.count)
  }

  private func plan(_ paths: [String]) throws -> ExperimentPlan {
    var setting = ExperimentSetting()
    setting.data = paths.map { DataSource(path: $0) }
    return try ExperimentPlan(.datasets, setting, seeds: 2, folder: folder.url)
  }

  @Test(
    "data sets of similar names have run folders of their own",
    arguments: [
      ["v/set_1", "v/set-1"], ["日本", "中国"], ["Set 1", "set 1", "set-1"],
      ["x/a", "y/a", "z/a 1"], ["a", "a-1", "b/a"],
    ])
  func runFolders(_ paths: [String]) throws {
    let plan = try plan(paths)
    #expect(Set(plan.arms.map(\.label)).count == 2 * paths.count)
    #expect(Set(plan.runs.map(\.folder.url.path)).count == 4 * paths.count)
  }

  @Test("a run folder whose name nobody else has is called as ever")
  func usualRunFolders() throws {
    let names = try plan(["v/set_1", "CLEVR", "v/set-1"]).runs.map(\.folder.url.lastPathComponent)
    #expect(names.contains("clevr-implicit-seed1") && names.contains("clevr-vanilla-seed0"))
    #expect(names.contains("set-1-vanilla-1-seed0") && names.contains("set-1-vanilla-2-seed0"))
    #expect(!names.contains("set-1-vanilla-seed0"))
  }

  /// The files of a finished run of one step as `slate table` reads them.
  private func tabled(
    _ name: String, path: String, absolutePath: String, fingerprint: String, size: Int = 16,
    straightThrough: Bool = false
  ) throws -> TabledRun {
    let run = RunFolder(url: folder.url.appending(path: name, directoryHint: .isDirectory))
    try FileManager.default.createDirectory(at: run.url, withIntermediateDirectories: true)
    let configuration = try RunConfiguration.tiny {
      ($0.steps, $0.imageSize, $0.straightThrough) = (1, size, straightThrough)
    }
    try run.write(configuration.json(), to: run.configuration)
    try run.write("{\"step\": 1, \"loss\": 2}\n", to: run.metrics)
    let record = [
      "data": ["path": path, "absolute_path": absolutePath, "fingerprint": fingerprint]
    ]
    try run.write(
      String(decoding: JSONSerialization.data(withJSONObject: record), as: UTF8.self),
      to: run.record)
    return try TabledRun(run.url.path, evaluating: false)
  }

  @Test("a table tells images by their fingerprints, not by the path that was typed")
  func tables() throws {
    // Two folders of one relative path.
    let (first, second) = (
      try tabled("1", path: "images", absolutePath: "/w1/images", fingerprint: "a1"),
      try tabled("2", path: "images", absolutePath: "/w2/images", fingerprint: "a2")
    )
    #expect(TabledRun.names(of: [first, second]) == ["data /w1/images", "data /w2/images"])
    // One folder, written in three ways.
    let same = [
      first, try tabled("3", path: "./w1//images/", absolutePath: "/w1/images", fingerprint: "a1"),
      try tabled("4", path: "/link", absolutePath: "/link", fingerprint: "a1"),
    ]
    #expect(TabledRun.names(of: same) == ["all", "all", "all"])
    #expect(
      TabledRun.names(of: same + [second])
        == Array(repeating: "data /w1/images", count: 3) + ["data /w2/images"])
    // One folder, whose pictures have changed in between.
    let later = try tabled("5", path: "images", absolutePath: "/w1/images", fingerprint: "a3")
    #expect(
      TabledRun.names(of: [first, later]) == [
        "data /w1/images (fingerprint a1)", "data /w1/images (fingerprint a3)",
      ])
    // At another size, the same pictures have another fingerprint.
    let larger = try tabled(
      "6", path: "w1/images", absolutePath: "/w1/images", fingerprint: "a4", size: 32)
    #expect(TabledRun.names(of: [first, larger]) == ["image_size 16", "image_size 32"])
    let other = try tabled("7", path: "b/./x", absolutePath: "/b/x", fingerprint: "b")
    #expect(TabledRun.names(of: [first, other]) == ["data images", "data b/x"])
  }

  @Test("a row is named by true and false where a value is one of them")
  func flags() throws {
    let runs = try [true, false].map {
      try tabled("\($0)", path: "i", absolutePath: "/i", fingerprint: "a", straightThrough: $0)
    }
    #expect(TabledRun.names(of: runs) == ["straight_through true", "straight_through false"])
    #expect(
      RunConfiguration.texts(ofJSON: Data("{\"a\": 0.001, \"b\": 1}".utf8))
        == ["a": "0.001", "b": "1"])
    #expect(RunConfiguration.texts(ofJSON: Data("[1]".utf8)).isEmpty)
  }

  @Test("a run that is named twice is one run")
  func once() throws {
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: "run")
    let table = try SlateProgram.run(
      ["table", run, "run", "./run/", "link", "--format", "json"], in: folder.url)
    #expect(table.status == 0, "\(table.errors)")
    let rows = try #require(
      JSONSerialization.jsonObject(with: Data(table.output.utf8)) as? [[String: Any]])
    #expect(rows.compactMap { $0["runs"] as? Int } == [1])
    for (words, out) in [(["run"], "one"), (["run", "./run", "link"], "all")] {
      let plotted = try SlateProgram.run(["plot"] + words + ["--out", out], in: folder.url)
      #expect(plotted.status == 0, "\(plotted.errors)")
    }
    let charts = try ["one", "all"].map {
      try String(contentsOfFile: folder.path("\($0)/mse.svg"), encoding: .utf8)
    }
    #expect(charts[0] == charts[1])
  }

  @Test("an experiment goes on from another folder, by other paths to the same images")
  func experiments() async {
    // In a process of its own, because the current folder is everybody's.
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      try writeImages(6, folder, "here/images")
      try writeImages(7, folder, "there/images")
      func open(
        _ path: String, inception: String? = nil, in place: String
      ) throws -> ExperimentFolder {
        try #require(FileManager.default.changeCurrentDirectoryPath(folder.path(place)))
        var setting = ExperimentSetting()
        setting.data = [DataSource(path: path)]
        var plan = try ExperimentPlan(
          .datasets, setting, seeds: 1,
          folder: folder.url.appending(path: "out", directoryHint: .isDirectory))
        plan.inception = inception
        return try ExperimentFolder(plan)
      }
      _ = try open("images", inception: "w.safetensors", in: "here")
      let scores = folder.url.appending(path: "out/runs/images-vanilla-seed0/scores.json")
      try FileManager.default.createDirectory(
        at: scores.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: scores)
      _ = try open("../here/images/", inception: "../here/w.safetensors", in: "there")
      // By another path, the network is the same too: what was measured with it stays.
      #expect(FileManager.default.fileExists(atPath: scores.path))
      let refused = try #require(throws: RunError.self) { _ = try open("images", in: "there") }
      #expect(refused.reason.contains("other images"), "\(refused)")
    }
  }
}
