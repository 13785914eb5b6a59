import Foundation
import Images
import Tensors
import TestFolders
import Testing
import Training

/// What is measured of runs and sets of images, and how it is shown.
@Suite struct MeasurementTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("masks are compared with what slots attend to")
  func segmentation() throws {
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "2", "--scenes", "shaded", out: run).status == 0)
    let outcome = try SlateProgram.run(
      "evaluate", run, "--split", "test", "--images", "3", "--json")
    let values = try JSONDecoder().decode([String: Double?].self, from: Data(outcome.output.utf8))
    let segmentation = ["ari", "fg_ari", "miou", "mbo"]
    let baselines = segmentation.flatMap { ["kmeans_\($0)", "random_\($0)", "tokens_\($0)"] }
    let names =
      ["cross_entropy", "mse", "mse_hard", "reconstruction_mse", "region_share"] + segmentation
      + baselines
    #expect(Set(values.keys) == Set(names))
    let regions = try #require(values["region_share"] ?? nil)
    #expect((0...1).contains(regions))
    for score in ["miou", "mbo", "kmeans_miou", "random_miou", "kmeans_mbo", "random_mbo"] {
      let value = try #require(values[score] ?? nil)
      // A model that has learned nothing may see one segment, which is the background's.
      #expect((score == "miou" ? value >= 0 : value > 0) && value <= 1, "\(score)")
    }
    let table = try SlateProgram.run("evaluate", run, "--split", "test", "--images", "3").output
    #expect(table.hasPrefix("3 test images of generated scenes"), "\(table)")
    #expect(table.split(separator: "\n").count == 1 + names.count - baselines.count)
    #expect(
      table.contains(/fg_ari +[-.\d]+ +\(kmeans [-.\d]+, random [-.\d]+, tokens [-.\d]+\)/),
      "\(table)")

    // More iterations of the trained model are another model; as many as in training are the same.
    func entropy(_ options: String...) throws -> Double? {
      let outcome = try SlateProgram.run(["evaluate", run, "--images", "3", "--json"] + options)
      return try JSONDecoder().decode([String: Double?].self, from: Data(outcome.output.utf8))[
        "cross_entropy"] ?? nil
    }
    let usual = try #require(try entropy())
    #expect(try entropy("--iterations", "3") == usual)
    #expect(try entropy("--iterations", "30") != usual)
    #expect(try SlateProgram.run("evaluate", run, "--iterations", "0").status != 0)

    // A folder of masks beside one of images.
    try writeImages(20, folder, "data/images")
    try writeImages(20, folder, "data/masks")
    let masked = try SlateProgram.run("evaluate", run, "--data", folder.path("data"), "--json")
    #expect(masked.output.contains("\"fg_ari\""), "\(masked.errors)")
    let plain = try SlateProgram.run("evaluate", run, "--data", folder.path("data/masks"), "--json")
    #expect(plain.status == 0 && !plain.output.contains("ari"), "\(plain.output)")
  }

  @Test("slots that start from drawn vectors are no regions and no objects of all pictures")
  func drawnStarts() throws {
    let run = folder.path("run")
    let training = try SlateProgram.trainTiny("--steps", "2", "--slot-init", "random", out: run)
    #expect(training.status == 0, "\(training.errors)")
    let table = try SlateProgram.run("evaluate", run, "--images", "3").output
    #expect(table.contains("reconstruction_mse") && !table.contains("region_share"), "\(table)")
  }

  @Test("the distance of kept statistics: of equal ones 0, of shifted ones the shift squared")
  func distances() throws {
    let factor = Tensor([1.0, 2, 0, 0.5, -1, 3], shape: [2, 3], dtype: .float64)
    for (name, mean) in [("a", [0.0, 1, 2]), ("b", [2.0, 1, -1])] {
      try SafetensorsFile(
        [("mean", Tensor(mean, shape: [3], dtype: .float64)), ("factor", factor)],
        metadata: ["images": "2"]
      ).write(to: folder.url.appending(path: "\(name).safetensors"))
    }
    try SafetensorsFile([("mean", Tensor.ones([5])), ("factor", Tensor.ones([2, 5]))])
      .write(to: folder.url.appending(path: "wide.safetensors"))
    func distance(_ first: String, _ second: String) throws -> SlateProgram.Outcome {
      try SlateProgram.run(
        "fid", folder.path("\(first).safetensors"), folder.path("\(second).safetensors"), "--json")
    }
    func value(_ outcome: SlateProgram.Outcome) throws -> Double {
      try #require(
        JSONDecoder().decode([String: Double].self, from: Data(outcome.output.utf8))["fid"])
    }
    #expect(try value(distance("a", "a")) < 1e-8)
    let shifted = try distance("a", "b")
    #expect(abs(try value(shifted) - 13) < 1e-9)
    #expect(shifted.errors.contains("2 images"))
    let mixed = try distance("a", "wide")
    #expect(mixed.status == 1 && mixed.errors.contains("5 features"), "\(mixed.errors)")
    let images = try SlateProgram.run("fid", folder.path("a.safetensors"), folder.url.path)
    #expect(images.status != 0 && images.errors.contains("--inception"))
  }

  @Test("the published tags, and a chart of each quantity")
  func logsAndCharts() throws {
    let run = folder.path("run")
    #expect(
      try SlateProgram.trainTiny("--steps", "4", "--probe-every", "2", out: run).status == 0)
    let events = try #require(
      FileManager.default.contentsOfDirectory(atPath: run).first { $0.contains("tfevents") })
    let bytes = try Data(contentsOf: folder.url.appending(path: "run/\(events)"))
    let tags =
      ["loss", "cross_entropy", "mse", "tau", "lr_dvae", "lr_main"].map { "TRAIN/" + $0 }
      + [
        "loss", "cross_entropy", "mse", "loss_relax", "cross_entropy_relax", "mse_relax",
        "best_loss",
      ].map { "VAL/" + $0 } + ["TRAIN_recon/epoch=000", "VAL_recon/epoch=000"]
      + ["jacobian_spectral_norm", "relative_residual", "iterations", "gradient_norm"].map {
        "SLOTS/" + $0
      }
    for tag in tags {
      // A tag is field 1 of its message: 0x0a, its length, its letters.
      #expect(
        bytes.firstRange(of: Data([0x0a, UInt8(tag.utf8.count)] + tag.utf8)) != nil, "\(tag)")
    }

    let copy = folder.path("other/run")
    try FileManager.default.createDirectory(
      atPath: folder.path("other"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: run, toPath: copy)
    let drawn = try SlateProgram.run("plot", run, copy, "--out", folder.path("plots"))
    #expect(drawn.status == 0, "\(drawn.errors)")
    for quantity in [
      "cross_entropy", "jacobian_spectral_norm", "gradient_norm", "relative_residual",
    ] {
      let svg = try String(contentsOfFile: folder.path("plots/\(quantity).svg"), encoding: .utf8)
      #expect(svg.contains("<svg") && svg.contains("</svg>"), "\(quantity)")
    }
    // What is drawn, and which line is whose: two runs of one name have their paths in the legend.
    let chart = try String(contentsOfFile: folder.path("plots/cross_entropy.svg"), encoding: .utf8)
    #expect(chart.contains("Cross-entropy in training"), "\(chart)")
    #expect(chart.contains(">\(run)<") && chart.contains(">\(copy)<"), "\(chart)")
    let one = try SlateProgram.run("plot", run, "--out", folder.path("one"))
    #expect(one.status == 0)
    #expect(
      try String(contentsOfFile: folder.path("one/mse.svg"), encoding: .utf8).contains(">run<"))
    let nowhere = try SlateProgram.run("plot", folder.path("nowhere"))
    #expect(nowhere.status == 1 && nowhere.errors.contains("no such folder"))
    let metrics = try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8)
    for line in metrics.split(separator: "\n") where line.contains("\"loss\"") {
      let values = try JSONDecoder().decode([String: Double?].self, from: Data(line.utf8))
      let step = try #require(values["seconds_step"] ?? nil)
      let waited = try #require(values["seconds_waited"] ?? nil)
      #expect(step > 0 && waited >= 0 && waited < step)
      #expect(try #require(values["seconds_decoding"] ?? nil) >= 0)
    }
  }

  @Test func inspection() throws {
    try writeImages(20, folder, "images")
    let sheet = folder.path("sheet.png")
    let folderOutcome = try SlateProgram.run(
      "data", "inspect", folder.path("images"), "--sheet", sheet)
    #expect(folderOutcome.output.contains("train 14, validation 3, test 3"))
    #expect(folderOutcome.output.contains("20 x 18 pixels (20 of 20 looked at)"))
    #expect(try Image(contentsOfFile: sheet).width > 128)
    let scenes = try SlateProgram.run("data", "inspect", "--limit", "50")
    #expect(scenes.output.contains("train 50, validation 10, test 10 images; with masks"))
    for option in ["--image-size", "--limit", "--center-crop"] {
      let refused = try SlateProgram.run("data", "inspect", option, "0")
      #expect(refused.status != 0 && refused.errors.contains(option))
    }
  }
}
