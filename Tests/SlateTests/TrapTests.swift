import Foundation
import ObjectCentric
import Tensors
import TestFolders
import Testing
import Training

@testable import slate

/// Numbers in options and files that are far from all sense are refused, and stop nothing.
@Suite struct TrapTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "options",
    arguments: [
      ["--image-size", "4"], ["--limit", "4294967296"], ["--solver", "anderson:65"],
      ["--tau-start", "1e-323"], ["--pos-deviation", "1e39"], ["--tau-final", "1e300"],
      ["--d-model", "1000000"], ["--slot-size", "1000000"], ["--vocab-size", "1000000000"],
      ["--num-slots", "1000000", "--batch-size", "10000"],
      ["--mlp-hidden-size", "1000000", "--num-slots", "100000"],
      ["--batch-size", "1000000", "--image-size", "512"], ["--steps", "9223372036854775807"],
      ["--epochs", "9223372036854775807"], ["--limit", "9223372036854775807"],
      ["--num-slots", "65535"],
    ])
  func options(_ option: [String]) throws {
    // What is not refused may train for ever: it is killed, and its status is neither of these.
    let refused = try SlateProgram.trainTiny(
      (option[0] == "--epochs" ? [] : ["--steps", "1"]) + option, out: folder.path("run"),
      patience: 60)
    #expect(refused.status == 1 || refused.status == 64, "\(refused.status): \(refused.errors)")
    #expect(refused.errors.contains("--"), "\(refused.errors)")
    if option.count == 2 { #expect(refused.errors.contains(option[0]), "\(refused.errors)") }
    #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
  }

  @Test(
    "widths of which a tensor would have more than can be counted",
    arguments: [(1 << 29, 1), (1, 715_827_883)])
  func widths(_ model: Int, _ slot: Int) throws {
    let url = folder.url.appending(path: "wide.safetensors")
    try writeSparseSafetensors(
      [
        ("dvae.encoder.6.weight", [1]), ("dictionary.dictionary.weight", [1, model]),
        ("positional_encoder.pe", [1, 5, 1]), ("slot_proj.weight", [1, slot]),
        ("slot_attn.slot_attention.mlp.0.weight", [1, 1]),
        ("dvae.encoder.1.m.weight", [1, 1, 1, 1]),
        ("slot_attn.slot_attention.gru.weight_ih", [3, 1]),
        ("tf_dec.blocks.0.ffn.0.weight", [1, 1]),
      ], to: url)
    let checkpoint = try Checkpoint(contentsOf: url)
    var configuration = Preset.shapes3d.configuration
    let error = try #require(throws: RunError.self) {
      try configuration.readSizes(of: checkpoint, path: url.path)
    }
    #expect(error.reason.contains("instead of [\(model == 1 ? 3 * slot : 4 * model), "), "\(error)")
  }

  @Test(
    "what a checkpoint says of its run",
    arguments: [
      ("\"data\":{\"scenes\":\"plain\"}", "\"data\":{\"limit\":0}"),
      ("\"data\":{\"scenes\":\"plain\"}", "\"data\":{\"limit\":-1}"),
      ("\"data\":{\"scenes\":\"plain\"}", "\"data\":{\"absolutePath\":\"\"}"),
      ("\"data\":{\"scenes\":\"plain\"}", "\"data\":{\"path\":\"\"}"),
      ("\"epoch\":0", "\"epoch\":1099511627776"),
      ("\"data\":{\"scenes\":\"plain\"}", "\"data\":{\"limit\":8589934592}"),
      ("\"data\":{\"scenes\":\"plain\"}", "\"data\":{\"centerCrop\":-3}"),
      ("\"stale\":0", "\"stale\":9223372036854775807"), ("\"stale\":0", "\"stale\":-1"),
      ("\"patience\":2,", "\"patience\":0,"), ("\"factor\":1", "\"factor\":-1"),
      ("\"solver\":\"iteration\"", "\"solver\":\"anderson:65\""),
      ("\"tauStart\":1", "\"tauStart\":1e-323"), ("\"imageSize\":16", "\"imageSize\":4"),
      ("\"step\":1", "\"step\":9223372036854775807"), ("\"position\":4", "\"position\":-1"),
      ("\"valImages\":10", "\"valImages\":9223372036854775807"),
    ])
  func checkpoints(_ old: String, _ new: String) throws {
    let run = folder.path("run")
    #expect(
      try SlateProgram.trainTiny("--steps", "1", "--patience", "2", out: run).status == 0)
    let url = folder.url.appending(path: "run/checkpoint.safetensors")
    let file = try SafetensorsFile(contentsOf: url)
    let state = try #require(file.metadata["run"])
    #expect(state.contains(old), "\(state)")
    try SafetensorsFile(
      file.entries,
      metadata: [
        "run": state.replacingOccurrences(of: old, with: new), "optimizer.step": "1",
      ]
    ).write(to: url)
    for command in [
      ["train", "--resume", run, "--steps", "2", "--workers", "2"], ["evaluate", run],
    ] {
      let refused = try SlateProgram.run(command)
      #expect(refused.status == 1, "\(new): \(refused.status) \(refused.errors)")
      #expect(refused.errors.hasPrefix("Error: "), "\(refused.errors)")
    }
  }

  @Test("more slots than masks can number, in the description of a run")
  func slots() throws {
    let run = folder.path("run")
    let trained = try SlateProgram.trainTiny(
      "--steps", "1", "--slot-init", "random", "--scenes", "shaded", out: run)
    #expect(trained.status == 0, "\(trained.errors)")
    try changeDescription {
      $0.replacingOccurrences(of: "\"numSlots\":2", with: "\"numSlots\":70000")
    }
    try writeImages(1, folder, "images")
    for command in [
      ["slots", run, folder.path("images/1000.png"), "--out", folder.path("found")],
      ["evaluate", run, "--images", "1"],
    ] {
      let refused = try SlateProgram.run(command)
      #expect(refused.status == 1 && refused.errors.contains("--num-slots 70000"), "\(refused)")
    }
  }

  /// Changes what the checkpoint of the run says of it.
  private func changeDescription(_ change: (String) -> String) throws {
    let url = folder.url.appending(path: "run/checkpoint.safetensors")
    let file = try SafetensorsFile(contentsOf: url)
    let state = try #require(file.metadata["run"])
    try SafetensorsFile(
      file.entries, metadata: ["run": change(state), "optimizer.step": "1"]
    ).write(to: url)
  }

  @Test("a configuration, a record or a description of a run that is too large to be one")
  func largeDescriptions() throws {
    let run = folder.path("run")
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    let brackets = "[" + String(repeating: "[],", count: 400_000) + "1]"
    // Nothing in it is wrong but its size.
    try changeDescription { "{\"x\":\(brackets)," + $0.dropFirst() }
    let described = try SlateProgram.run("evaluate", run)
    #expect(described.status == 1, "\(described.errors)")
    #expect(described.errors.contains("more than the 1048576 that are read"))
    for (name, command) in [
      ("config.json", ["table", run]), ("run.json", ["table", run]),
      ("scores.json", ["table", run]), ("failure.txt", ["table", run]),
      ("config.json", ["train", "--print-config", "--config", run + "/config.json"]),
    ] {
      let url = folder.url.appending(path: "run/\(name)")
      let before = try? Data(contentsOf: url)
      try Data(brackets.utf8).write(to: url)
      let refused = try SlateProgram.run(command)
      #expect(refused.status == 1 && refused.errors.contains(name), "\(refused.errors)")
      #expect(refused.errors.contains("more than the 1048576 that are read"), "\(refused.errors)")
      try before?.write(to: url)
      if before == nil { try FileManager.default.removeItem(at: url) }
    }
    #expect(try SlateProgram.run("table", run).status == 0)
  }

  @Test("a file of weights that claims large sizes in few bytes makes no large model")
  func claims() throws {
    let path = folder.path("claims.safetensors")
    let weights = try #require(
      Bundle.module.url(
        forResource: "published_tiny", withExtension: "safetensors", subdirectory: "Fixtures"))
    let whole = try SafetensorsFile(contentsOf: weights).entries.map { ($0.name, $0.tensor) }
    func refused(_ changes: [String: Tensor]) throws -> String {
      let kept = whole.filter { changes[$0.0] == nil }
      try SafetensorsFile(kept + changes.map { ($0.key, $0.value) }).write(to: URL(filePath: path))
      let refused = try SlateProgram.run("import", path, "--out", folder.path("run"))
      #expect(refused.status == 1, "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
      return refused.errors
    }
    for (name, shape) in [
      ("dictionary.dictionary.weight", [3, 0]), ("positional_encoder.pe", [1, 17, 0]),
      ("slot_proj.weight", [0, 1_000_000]), ("slot_attn.slot_init", [1, 1_000_000, 0]),
      ("slot_attn.slot_attention.mlp.0.weight", [1_000_000, 0]),
      ("slot_attn.slot_attention.gru.weight_ih", [0, 1_000_000]),
      ("tf_dec.blocks.0.ffn.0.weight", [0, 8]),
    ] {
      let errors = try refused([name: .zeros(Shape(shape))])
      #expect(errors.contains(name) && errors.contains("without any element"), "\(errors)")
    }
    // 2 MB in which no tensor is large, but two widths that are multiplied in the model are.
    let width = try #require(whole.first { $0.0 == "dictionary.dictionary.weight" }).1.shape[1]
    let errors = try refused([
      "dictionary.dictionary.weight": .zeros([40_001, width]),
      "dvae.encoder.6.weight": .zeros([300]), "dvae.encoder.1.m.weight": .zeros([300, 300, 1, 1]),
    ])
    #expect(errors.contains(/has 2\d{7} parameters, and the file holds \d{5,6}\b/), "\(errors)")
  }

  @Test("configuration files name the key of a number that does not fit")
  func configurations() throws {
    let path = folder.path("config.json")
    for (text, name) in [
      ("{\"steps\": 3.5}", "'steps' cannot be 3.5"), ("{\"seed\": -1, \"hard\": true}", "'seed'"),
      ("{\"lr_main\": 1e-4, \"batch_size\": 1e30}", "'batch_size'"),
    ] {
      try Data(text.utf8).write(to: URL(filePath: path))
      let refused = try SlateProgram.run("train", "--config", path, "--print-config")
      #expect(refused.status == 1 && refused.errors.contains(name), "\(refused.errors)")
    }
  }

  /// Every value of a configuration at its extremes: validated, it makes a model's sizes, or it is
  /// refused.
  @Test func extremesOfEveryValue() throws {
    let preset = Preset.quickstart.configuration
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(preset.json().utf8)) as? [String: Any])
    var refused = 0
    for name in object.keys.sorted() {
      for value in [
        "0", "-1", "1", "1000000", "1099511627776", "9223372036854775807", "-9223372036854775808",
        "5e-324", "1e308", "0.5", "\"anderson:64\"", "\"neumann:9223372036854775807\"",
        "\"phantom:9223372036854775807:1e-323\"", "\"iteration:5e-324\"", "true", "\"learned\"",
      ] {
        do {
          let read = try preset.replacing(
            withJSON: Data("{\"\(name)\": \(value)}".utf8), path: "config.json")
          #expect(try read.validated() == read)
          for step in [0, 1, read.tauSteps, RunConfiguration.largestCount] {
            #expect(read.temperature(at: step).isFinite)
          }
        } catch is RunError {
          refused += 1
        } catch is ConfigurationError {
          refused += 1
        }
      }
    }
    #expect(refused > 200)
  }
}
