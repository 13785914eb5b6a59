import Foundation
import Images
import Tensors
import TestFolders
import Testing
import Training

@testable import slate

/// Weights that are finite, and what is computed from them is not.
@Suite struct OverflowTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A run with some tensors of another one.
  private func changeTensors(_ change: (_ name: String, _ tensor: Tensor) -> Tensor) throws {
    let url = folder.url.appending(path: "run/checkpoint.safetensors")
    let file = try SafetensorsFile(contentsOf: url)
    let state = try #require(file.metadata["run"])
    let tensors = file.entries.filter { !$0.name.hasPrefix("optimizer.") }
      .map { (name: $0.name, tensor: change($0.name, $0.tensor)) }
    try FileManager.default.createDirectory(
      atPath: folder.path("changed"), withIntermediateDirectories: true)
    try SafetensorsFile(tensors, metadata: ["run": state]).write(
      to: folder.url.appending(path: "changed/checkpoint.safetensors"))
  }

  private func train(_ options: String...) throws {
    let trained = try SlateProgram.trainTiny(["--steps", "1"] + options, out: folder.path("run"))
    #expect(trained.status == 0, "\(trained.errors)")
  }

  @Test("pictures that are not finite are an error that names them")
  func pictures() throws {
    try train()
    try writeImages(1, folder, "images")
    let (image, changed) = (folder.path("images/1000.png"), folder.path("changed"))
    let found = try SlateProgram.run("slots", folder.path("run"), image, "--out", folder.path("o"))
    #expect(found.status == 0, "\(found.errors)")
    let slots = folder.path("o/slots.safetensors")
    try changeTensors { name, tensor in
      guard name == "dvae.decoder.0.m.weight" else { return tensor }
      let signs = (0..<tensor.count).map { $0 % 2 == 0 ? 3e38 : -3e38 }
      return Tensor(signs, shape: tensor.shape)
    }
    for (command, output) in [
      (["reconstruct", changed, image], "the autoencoder's reconstruction"),
      (["compose", changed, slots, "--scene", "0:0"], "the scene drawn from the slots"),
    ] {
      let refused = try SlateProgram.run(command + ["--out", folder.path("out.png")])
      #expect(refused.status == 1, "\(refused.errors)")
      #expect(refused.errors.contains("\(output) is not finite"), "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder.path("out.png")))
    }
    let measured = try SlateProgram.run("evaluate", changed, "--images", "1", "--json")
    #expect(measured.status == 1 && measured.output.isEmpty, "\(measured.errors)")

    let file = try SafetensorsFile(contentsOf: URL(filePath: slots))
    let bad = try file.tensor("slots") * .infinity
    try SafetensorsFile([("slots", bad)]).write(to: URL(filePath: slots))
    let refused = try SlateProgram.run(
      "compose", folder.path("run"), slots, "--scene", "0:0", "--out", folder.path("out.png"))
    #expect(refused.status == 1 && refused.errors.contains("slots that are not finite"))
  }

  @Test("slots that are not finite are an error, not masks of one colour")
  func slots() throws {
    try train()
    try writeImages(1, folder, "images")
    try changeTensors { name, tensor in
      let isLarge = ["mlp.0.weight", "mlp.2.weight"].contains {
        name == "slot_attn.slot_attention.\($0)"
      }
      return isLarge ? .full(3e38, tensor.shape) : tensor
    }
    let refused = try SlateProgram.run(
      "slots", folder.path("changed"), folder.path("images/1000.png"), "--out", folder.path("o"))
    #expect(refused.status == 1 && refused.errors.contains("is not finite"), "\(refused.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("o/slots.safetensors")))
  }

  @Test("what is not finite becomes no byte")
  func bytes() {
    for bad in [Float.nan, .infinity, -.infinity] {
      let tensor = Tensor([0, bad, 1], shape: [1, 1, 3])
      let error = #expect(throws: NotFiniteOutput.self) { try Image(tensor, of: "the sky") }
      #expect(error?.description.hasPrefix("the sky is not finite") == true)
    }
  }

  @Test("slots that drift: more applications are advised only where they bring the residual down")
  func drift() throws {
    try train()
    // The GRU keeps its state, and the perceptron adds 1: z, z + 1, z + 2 and so on.
    try changeTensors { name, tensor in
      let cell = "slot_attn.slot_attention."
      switch name {
      case cell + "gru.weight_ih", cell + "gru.weight_hh", cell + "gru.bias_hh",
        cell + "mlp.2.weight":
        return .zeros(tensor.shape)
      case cell + "gru.bias_ih": return .full(100, tensor.shape)
      case cell + "mlp.2.bias": return .ones(tensor.shape)
      default: return tensor
      }
    }
    let refused = try SlateProgram.run(
      "compare", folder.path("changed"), "--images", "2", "--within", "40", "--repeats", "0",
      "--out", folder.path("comparison"))
    #expect(refused.status == 1, "\(refused.output)")
    #expect(refused.errors.contains("comes to no fixed point"), "\(refused.errors)")
    let advice = try #require(
      refused.errors.firstMatch(
        of: /if the residual is smaller with more applications than --within 40, allow them/))
    let rest = refused.errors[advice.range.upperBound...]
    #expect(rest.contains("if it is not, the slots drift or circle"), "\(rest)")
    // Without its condition, the advice would have somebody wait for nothing.
    #expect(refused.errors.ranges(of: "allow them").count == 1, "\(refused.errors)")
  }

  @Test("one segment over several objects scores 0 in their foreground, whatever their colours")
  func oneSegment() throws {
    // Colours that differ in green and blue alone: merged by their red, they would be one object, and
    // one segment would score 1.
    let colors: [SIMD3<UInt8>] = [
      SIMD3(200, 0, 0), SIMD3(200, 60, 0), SIMD3(200, 0, 90), SIMD3(0, 0, 0),
    ]
    for place in ["data/images", "data/masks"] {
      try FileManager.default.createDirectory(
        atPath: folder.path(place), withIntermediateDirectories: true)
      for number in 0..<10 {
        var picture = Image(width: 16, height: 16)
        for pixel in 0..<256 {
          let color = colors[pixel / 128 * 2 + pixel % 16 / 8]
          for channel in 0..<3 { picture.pixels[3 * pixel + channel] = color[channel] }
        }
        picture.pixels[0] = UInt8(place == "data/masks" ? 200 : number)
        try picture.write(to: folder.url.appending(path: "\(place)/\(number).png"))
      }
    }
    try train("--data", folder.path("data"), "--num-slots", "1")
    let outcome = try SlateProgram.run("evaluate", folder.path("run"), "--json")
    let values = try JSONDecoder().decode([String: Double?].self, from: Data(outcome.output.utf8))
    #expect(values["fg_ari"] == 0.0, "\(outcome.output) \(outcome.errors)")
    #expect(values["ari"] == 0.0)
    #expect(values["tokens_fg_ari"] == 1.0)
  }
}
