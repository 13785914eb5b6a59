import Foundation
import Images
import ObjectCentric
import Tensors
import TestFolders
import Testing
import Training

@testable import slate

/// Statistics of images that are kept for later distances.
@Suite struct StatisticsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Weights of the network's shapes: it says itself which it needs.
  private func writeWeights(_ name: String, scale: Double) throws {
    var tensors: [String: Tensor] = [:]
    var generator = Philox(seed: 1)
    while true {
      do {
        _ = try Inception { tensors[$0] ?? .zeros([1]) }
        break
      } catch let error as InceptionError {
        let fan = Double(error.needed.elementCount / error.needed[0])
        tensors[error.name] =
          error.needed.rank == 4
          ? .normal(error.needed, using: &generator) * (scale / fan.squareRoot())
          : error.name.hasSuffix("running_var") || error.name.hasSuffix("bn.weight")
            ? .ones(error.needed) : .zeros(error.needed)
      }
    }
    try SafetensorsFile(tensors.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) })
      .write(to: folder.url.appending(path: name))
  }

  private func value(_ outcome: SlateProgram.Outcome) throws -> Double {
    let values = try JSONDecoder().decode([String: Double?].self, from: Data(outcome.output.utf8))
    return try #require(values["fid"] ?? nil, "\(outcome.errors)")
  }

  @Test("statistics of other images, or by another network, are refused; a set's are kept at once")
  func fingerprints() throws {
    try writeWeights("a.safetensors", scale: 1.4)
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    let kept = folder.path("kept.safetensors")
    func evaluate(_ options: String...) throws -> SlateProgram.Outcome {
      try SlateProgram.run(
        [
          "evaluate", run, "--inception", folder.path("a.safetensors"), "--statistics", kept,
          "--json",
        ]
          + options)
    }
    let first = try value(evaluate("--images", "3"))
    #expect(try value(evaluate("--images", "3")) == first)
    for options in [["--split", "test"], ["--limit", "50"], ["--images", "4"]] {
      let refused = try SlateProgram.run(
        ["evaluate", run, "--inception", folder.path("a.safetensors"), "--statistics", kept]
          + ["--images", "3"] + options)
      // The first validation scenes are the same however many there are.
      if options[0] == "--limit" {
        #expect(refused.status == 0, "\(refused.errors)")
      } else {
        #expect(
          refused.status == 1 && refused.errors.contains("of other images"), "\(refused.errors)")
        #expect(refused.errors.contains(kept))
      }
    }

    // The other set is missing: what was computed of this one is there.
    try writeImages(2, folder, "images")
    let (one, two) = (folder.path("one.safetensors"), folder.path("two.safetensors"))
    for sets in [
      [folder.path("images"), folder.path("no")], [folder.path("no"), folder.path("images")],
    ] {
      let failed = try SlateProgram.run(
        ["fid"] + sets + [
          "--inception", folder.path("a.safetensors"), "--save", one, "--save", two,
        ])
      #expect(failed.status == 1 && failed.errors.contains(folder.path("no")), "\(failed.errors)")
    }
    #expect(try value(SlateProgram.run("fid", one, two, "--json")) < 1e-6)
    #expect(try Data(contentsOf: URL(filePath: one)) == Data(contentsOf: URL(filePath: two)))

    try writeWeights("b.safetensors", scale: 1.5)
    let other = try SlateProgram.run(
      "evaluate", run, "--inception", folder.path("b.safetensors"), "--statistics", kept,
      "--images",
      "3")
    #expect(other.status == 1 && other.errors.contains("of another network"), "\(other.errors)")
    let mixed = try SlateProgram.run(
      "fid", one, folder.path("images"), "--inception", folder.path("b.safetensors"))
    #expect(mixed.status == 1 && mixed.errors.contains("another network"), "\(mixed.errors)")
  }

  @Test("a folder's statistics serve for the same images as the part of a data set")
  func sameImages() throws {
    try writeWeights("weights.safetensors", scale: 1.4)
    for name in ["images", "part"] {
      try FileManager.default.createDirectory(
        atPath: folder.path(name), withIntermediateDirectories: true)
    }
    // At the model's size; of 20 images the last three are the test part. Neither their names nor the
    // order of these matter.
    for index in 0..<20 {
      let image = Image(width: 16, height: 16, color: SIMD3(UInt8(10 * index), 90, 160))
      try image.write(to: folder.url.appending(path: "images/\(10 + index).png"))
      if index >= 17 { try image.write(to: folder.url.appending(path: "part/\(50 - index).png")) }
    }
    let (run, kept) = (folder.path("run"), folder.path("kept.safetensors"))
    let weights = folder.path("weights.safetensors")
    let trained = try SlateProgram.trainTiny(
      "--steps", "1", "--data", folder.path("images"), out: run)
    #expect(trained.status == 0, "\(trained.errors)")
    let saved = try SlateProgram.run(
      "fid", folder.path("part"), folder.path("part"), "--inception", weights, "--save", kept)
    #expect(saved.status == 0, "\(saved.errors)")
    let evaluate = ["evaluate", run, "--split", "test", "--json", "--inception", weights]
    let own = try value(SlateProgram.run(evaluate))
    let shared = try value(SlateProgram.run(evaluate + ["--statistics", kept]))
    #expect(abs(own - shared) < 1e-3 * own)
    let others = try SlateProgram.run(
      evaluate + ["--statistics", kept, "--split", "train"])
    #expect(others.status == 1 && others.errors.contains("of other images"), "\(others.errors)")
  }

  @Test("statistics of the PyTorch port are read")
  func ported() throws {
    let fixture = try #require(
      Bundle.module.url(forResource: "port", withExtension: "npz", subdirectory: "Fixtures"))
    let mean = Tensor([0.5, -1.25, 3], shape: [3], dtype: .float64)
    let covariance = Tensor(
      [2, 0.5, -0.25, 0.5, 1, 0.125, -0.25, 0.125, 4], shape: [3, 3], dtype: .float64)
    let same = try FeatureStatistics(mean: mean, covariance: covariance)
    try SafetensorsFile([("mean", same.mean + 2), ("factor", same.factor)])
      .write(to: folder.url.appending(path: "shifted.safetensors"))
    let outcome = try SlateProgram.run(
      "fid", fixture.path, folder.path("shifted.safetensors"), "--json")
    #expect(abs(try value(outcome) - 12) < 1e-9)
    try Data(contentsOf: fixture).dropLast(30).write(to: folder.url.appending(path: "cut.npz"))
    let refused = try SlateProgram.run("fid", folder.path("cut.npz"), fixture.path)
    #expect(refused.status == 1 && refused.errors.contains("cut.npz"), "\(refused.errors)")
  }

  @Test("a distance that no number holds is an error, not a result")
  func infinite() throws {
    for (name, mean, factor) in [
      ("low", -1e300, 1.0), ("high", 1e300, 1), ("wide", 1, 1e160), ("wider", 1, 1e200),
    ] {
      try SafetensorsFile([
        ("mean", Tensor([mean], shape: [1], dtype: .float64)),
        ("factor", Tensor([factor], shape: [1, 1], dtype: .float64)),
      ]).write(to: folder.url.appending(path: "\(name).safetensors"))
    }
    for (first, second) in [("low", "high"), ("wide", "wide"), ("wider", "wider")] {
      let sets = [first, second].map { folder.path("\($0).safetensors") }
      for form in [[], ["--json"]] {
        let refused = try SlateProgram.run(["fid"] + sets + form)
        #expect(refused.status == 1 && refused.output.isEmpty, "\(refused.output)")
        #expect(refused.errors.contains("not finite"), "\(refused.errors)")
      }
    }
    let line = jsonLine([("a", 1), ("b", .infinity), ("c", nil)])
    #expect(line == #"{"a": 1.0, "b": null, "c": null}"#)
  }

  @Test("statistics without fingerprints: a warning for each, and the same distance")
  func withoutFingerprints() throws {
    try writeWeights("weights.safetensors", scale: 1.4)
    let (run, kept) = (folder.path("run"), folder.path("kept.safetensors"))
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    let evaluate = [
      "evaluate", run, "--images", "3", "--json", "--inception", folder.path("weights.safetensors"),
      "--statistics",
    ]
    let own = try SlateProgram.run(evaluate + [kept])
    #expect(!own.errors.contains("does not say"), "\(own.errors)")
    let file = try SafetensorsFile(contentsOf: URL(filePath: kept))
    let (mean, factor) = (try file.tensor("mean"), try file.tensor("factor"))
    let statistics = FeatureStatistics(mean: mean, factor: factor, count: 3)
    let archive = folder.path("port.npz")
    let arrays = [("mu", mean), ("sigma", statistics.covariance)].map { name, tensor in
      SavedArray(name, shape: tensor.shape.array, tensor.scalars)
    }
    try npz(arrays).write(to: URL(filePath: archive))
    let other = try SlateProgram.run(evaluate + [archive])
    #expect(other.errors.contains("of which images it is"), "\(other.errors)")
    #expect(other.errors.contains("of which network it is"), "\(other.errors)")
    let (expected, found) = (try value(own), try value(other))
    #expect(expected > 0 && abs(found - expected) < 1e-6 * expected, "\(found), \(expected)")
  }

  @Test("statistics that cannot be any are refused")
  func impossible() throws {
    for (name, mean, factor) in [
      ("empty", Tensor.zeros([0]), Tensor.zeros([5, 0])), ("tall", .zeros([2]), .zeros([3, 2])),
      ("nan", Tensor([.nan, 1], shape: [2]), .ones([1, 2])),
    ] {
      let path = folder.path("\(name).safetensors")
      try SafetensorsFile([("mean", mean), ("factor", factor)]).write(to: URL(filePath: path))
      let refused = try SlateProgram.run("fid", path, path)
      #expect(refused.status == 1 && refused.errors.contains(path), "\(refused.errors)")
    }
    for images in ["-5", "1", "many"] {
      let path = folder.path("counted.safetensors")
      try SafetensorsFile(
        [("mean", Tensor.zeros([2])), ("factor", .ones([1, 2]))], metadata: ["images": images]
      ).write(to: URL(filePath: path))
      let refused = try SlateProgram.run("fid", path, path)
      #expect(
        refused.status == 1
          && refused.errors.contains("\(path): '\(images)' is no number of images"),
        "\(refused.errors)")
    }
    for (name, sigma, reason) in [
      ("skew", [4.0, 1, 0, 4], "sigma is not symmetric"),
      ("below", [-4, 1, 1, -4], "sigma has eigenvalues below 0"),
      ("saddle", [1, 2, 2, 1], "sigma has eigenvalues below 0"),
    ] {
      let path = folder.path("\(name).npz")
      try npz([
        SavedArray("mu", shape: [2], [0, 0]), SavedArray("sigma", shape: [2, 2], sigma),
      ]).write(to: URL(filePath: path))
      let refused = try SlateProgram.run("fid", path, path)
      #expect(
        refused.status == 1 && refused.errors.contains("\(path): \(reason)"), "\(refused.errors)")
    }
    // 136 bytes.
    let header =
      #"{"mean":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"#
      + #""factor":{"dtype":"F32","shape":[2147483647,0],"data_offsets":[0,0]}}"#
    let path = folder.path("tall.safetensors")
    var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    bytes.append(contentsOf: header.utf8)
    try bytes.write(to: URL(filePath: path))
    let refused = try SlateProgram.run("fid", path, path)
    #expect(refused.status == 1 && refused.errors.contains(path), "\(refused.errors)")
    // Of which the product would take hours.
    let wide = folder.path("wide.safetensors")
    try writeSparseSafetensors(
      [("mean", [20_000]), ("factor", [20_000, 20_000])], to: URL(filePath: wide))
    let large = try SlateProgram.run("fid", wide, wide)
    #expect(large.status == 1)
    #expect(large.errors.contains("'factor' has 400000000 numbers, more than"), "\(large.errors)")
    let unreadable = try SlateProgram.run("fid", path, path, "--save", folder.path("a.npz"))
    #expect(unreadable.status != 0 && unreadable.errors.contains(".safetensors"))
  }
}
