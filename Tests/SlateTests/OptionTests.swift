import Foundation
import Images
import TestFolders
import Testing

/// The words of the published code, and what a run says of itself.
@Suite struct OptionTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  private func object(at path: String) throws -> [String: Any] {
    try object(String(contentsOfFile: folder.path(path), encoding: .utf8))
  }

  @Test("every option that has a number, in the words of the published code, is understood")
  func publishedNames() throws {
    let values: [(option: String, value: String)] = [
      ("seed", "3"), ("batch-size", "7"), ("image-size", "32"), ("lr-dvae", "0.25"),
      ("lr-main", "0.125"), ("lr-warmup-steps", "11"), ("num-dec-blocks", "5"),
      ("vocab-size", "13"), ("d-model", "24"), ("num-heads", "6"), ("dropout", "0.5"),
      ("num-iterations", "9"), ("num-slots", "8"), ("num-slot-heads", "2"), ("slot-size", "14"),
      ("mlp-hidden-size", "17"), ("patience", "19"), ("clip", "0.75"), ("tau-start", "2"),
      ("tau-final", "0.0625"), ("tau-steps", "23"),
      // Those that it does not have.
      ("dvae-steps", "29"), ("dvae-width", "12"), ("pos-deviation", "0.375"),
    ]
    let printed = try SlateProgram.run(
      ["train", "--print-config", "--hard"] + values.flatMap { ["--\($0.option)", $0.value] })
    #expect(printed.status == 0, "\(printed.errors)")
    let configuration = try object(printed.output)
    for (option, value) in values {
      let key =
        option == "num-iterations"
        ? "iterations" : option.replacingOccurrences(of: "-", with: "_")
      #expect((configuration[key] as? NSNumber)?.doubleValue == Double(value), "\(option)")
    }
    #expect(configuration["hard"] as? Bool == true)
  }

  @Test("a straight-through preset can be unrolled; asking for both is refused")
  func straightThroughOfAPreset() throws {
    try Data("{\"straight_through\": true}".utf8)
      .write(to: folder.url.appending(path: "config.json"))
    let given = ["train", "--print-config", "--config", folder.path("config.json")]
    #expect(try object(SlateProgram.run(given).output)["straight_through"] as? Bool == true)
    let unrolled = try SlateProgram.run(given + ["--gradient", "unrolled"])
    #expect(try object(unrolled.output)["straight_through"] as? Bool == false)
    try Data("{\"gradient\": \"unrolled\"}".utf8)
      .write(to: folder.url.appending(path: "part.json"))
    let part = try SlateProgram.run("train", "--print-config", "--config", folder.path("part.json"))
    #expect(try object(part.output)["straight_through"] as? Bool == false, "\(part.errors)")
    let both = try SlateProgram.run(given + ["--gradient", "unrolled", "--straight-through"])
    #expect(both.status != 0 && both.errors.contains("--straight-through"))
  }

  @Test("a complete file of an older version trains as it did then, a part of one as the preset")
  func olderConfigurations() throws {
    let printed = try object(SlateProgram.run("train", "--print-config").output)
    #expect(printed["dvae_steps"] as? Int == 1500)
    let later = ["dvae_steps", "dvae_width", "pos_encoding"]
    let older = printed.filter { !later.contains($0.key) }
    func steps(of values: [String: Any]) throws -> Int? {
      try JSONSerialization.data(withJSONObject: values)
        .write(to: folder.url.appending(path: "config.json"))
      let outcome = try SlateProgram.run(
        "train", "--print-config", "--config", folder.path("config.json"))
      return try object(outcome.output)["dvae_steps"] as? Int
    }
    #expect(try steps(of: older) == 0)
    #expect(try steps(of: older.filter { $0.key != "seed" }) == 1500)
  }

  @Test("where data, logs and checkpoints are, in the published words; a run by epochs")
  func publishedPaths() throws {
    try writeImages(20, folder, "images")
    let run = folder.path("run")
    // 14 training images: 3 batches an epoch.
    let trained = try SlateProgram.trainTiny(
      ["--data-path", folder.path("images"), "--epochs", "2", "--num-workers", "3"], out: run)
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(trained.output.contains("step 6/6"), "\(trained.output)")
    let resumed = try SlateProgram.run(
      "train", "--checkpoint-path", run + "/checkpoint.safetensors", "--epochs", "3", "--workers",
      "2")
    #expect(resumed.output.contains("continued after step 6"), "\(resumed.errors)")
    #expect(resumed.output.contains("step 9/9"))
    let logged = try SlateProgram.run(
      "train", "--steps", "1", "--epochs", "1", "--log-path", folder.path("other"))
    #expect(logged.status != 0 && logged.errors.contains("--epochs"))
  }

  @Test func aRunDescribesItself() throws {
    try writeImages(20, folder, "images")
    let arguments = ["--data", folder.path("images"), "--steps", "1", "--seed", "9"]
    #expect(try SlateProgram.trainTiny(arguments, out: folder.path("run")).status == 0)
    let record = try object(at: "run/run.json")
    #expect(record["seed"] as? Int == 9)
    #expect(record["workers"] as? Int == 2)
    #expect(
      try NSDictionary(dictionary: object(at: "run/config.json"))
        == record["configuration"] as? NSDictionary)
    let data = try #require(record["data"] as? [String: Any])
    #expect(data["train"] as? Int == 14 && data["validation"] as? Int == 3)
    #expect((data["fingerprint"] as? String)?.count == 16)
    #expect(data["path"] as? String == folder.path("images"))
    let versions = try #require(record["versions"] as? [String: String])
    #expect(versions["slate"] == (try SlateProgram.run("--version").output.trimmed))
    #expect(try #require(versions["openblas"]).contains("OpenBLAS"))
    #expect(try #require(versions["swift"]).hasPrefix("6."))
    let machine = try #require(record["machine"] as? [String: [String: Any]])
    #expect(machine["facts"]?["workers"] as? Int == 2)
    #expect((machine["facts"]?["open_blas_kernels"] as? String)?.isEmpty == false)
    #expect(try #require(machine["rate"]?["per_core"] as? Double) > 0)

    // A configuration that a run wrote can be given to another.
    let printed = try SlateProgram.run(
      "train", "--config", folder.path("run/config.json"), "--print-config")
    #expect(
      try printed.output == String(contentsOfFile: folder.path("run/config.json"), encoding: .utf8))
  }

  @Test("a resumed run whose images have changed says so, and goes on")
  func changedData() throws {
    try writeImages(40, folder, "images")
    let data = ["--data", folder.path("images")]
    #expect(
      try SlateProgram.trainTiny(data + ["--steps", "6"], out: folder.path("run")).status == 0)
    let same = try SlateProgram.run("train", "--resume", folder.path("run"), "--steps", "7")
    #expect(same.status == 0 && !same.errors.contains("fingerprint"), "\(same.errors)")
    // 28 of 28 images of the first epoch are used up: more than there are now.
    let fewer = try SlateProgram.run(
      "train", "--resume", folder.path("run"), "--steps", "9", "--limit", "20")
    #expect(fewer.status == 0, "\(fewer.errors)")
    #expect(fewer.errors.contains("not the images"), "\(fewer.errors)")
  }

  @Test(
    "a command that there is not is named, with those that there are",
    arguments: [
      (["trian"], "train, evaluate"), (["help", "trian"], "train, evaluate"),
      (["data", "trian"], "inspect"), (["help", "data", "trian"], "inspect"),
    ])
  func unknownCommands(_ words: [String], _ others: String) throws {
    let refused = try SlateProgram.run(words)
    #expect(refused.status == EX_USAGE && refused.output.isEmpty)
    #expect(
      refused.errors.contains("there is no command 'trian'; there are "), "\(refused.errors)")
    #expect(refused.errors.contains(others), "\(refused.errors)")
  }

  @Test func profile() throws {
    let profiled = try SlateProgram.trainTiny(
      "--accumulate", "2", "--profile", out: nil)
    #expect(profiled.status == 0, "\(profiled.errors)")
    #expect(profiled.output.contains("5 steps of 8 images on 2 workers"), "\(profiled.output)")
    #expect(profiled.output.contains("Gflop/s") && profiled.output.contains("product"))
  }
}

/// Writes `count` small images of different colours.
func writeImages(_ count: Int, _ folder: TemporaryFolder, _ name: String) throws {
  let place = folder.url.appending(path: name)
  try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
  for index in 0..<count {
    let color = SIMD3<UInt8>(UInt8(index % 256), 100, UInt8(255 - index % 256))
    let number = String(index + 1000)
    try Image(width: 20, height: 18, color: color)
      .write(to: place.appending(path: "\(number).png"))
  }
}

extension String {
  /// Without spaces and newlines at its ends.
  var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
