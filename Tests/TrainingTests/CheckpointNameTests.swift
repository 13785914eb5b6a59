import Foundation
import NeuralLayers
import Tensors
import TestFolders
import Testing
import Training

/// Parts of checkpoints, and files whose names are not the model's.
@Suite struct CheckpointNameTests {
  private struct Model: Module {
    let encoder: [Linear], head: Linear

    init(seed: UInt64, classes: Int = 2) {
      var random = Philox(seed: seed)
      encoder = [Linear(3, 4, using: &random), Linear(4, 5, using: &random)]
      head = Linear(5, classes, using: &random)
    }

    var values: [[Double]] { namedParameters.map { $0.parameter.tensor.scalars } }
  }
  private struct Renamed: Module {
    let backbone: [Linear], classifier: Linear

    init(seed: UInt64) {
      let model = Model(seed: seed)
      (backbone, classifier) = (model.encoder, model.head)
    }
  }

  private let folder: TemporaryFolder
  private let model = Model(seed: 1)
  private let saved: Checkpoint

  init() throws {
    folder = try TemporaryFolder()
    let url = folder.url.appending(path: "model.safetensors")
    var optimizer = Adam()
    let x = Tensor.ones([1, 3])
    let loss = model.head(model.encoder[1](model.encoder[0](x))).square().sum()
    optimizer.step(model, gradients: try gradients(of: loss))
    let average = ExponentialMovingAverage(of: model)
    try Checkpoint(of: model, optimizer: optimizer, average: average).write(to: url)
    saved = try Checkpoint(contentsOf: url)
  }

  private func expectError(_ words: String..., from body: () throws -> Void) {
    let error = #expect(throws: SafetensorsError.self, performing: body)
    let text = error?.description ?? ""
    for word in words { #expect(text.contains(word), "\(text)") }
  }

  @Test("a part is restored alone, with its optimiser and average")
  func parts() throws {
    let other = Model(seed: 2)
    let head = other.head.weight.tensor.scalars
    let part = try saved.part(under: "encoder.1")
    #expect(part.shapes == ["weight": [5, 4], "bias": [5]])
    try part.restore(other.encoder[1])
    #expect(other.encoder[1].weight.tensor.scalars == model.encoder[1].weight.tensor.scalars)
    #expect(other.head.weight.tensor.scalars == head)
    var (optimizer, average) = (Adam(), ExponentialMovingAverage(of: other.encoder[1]))
    try part.restore(&optimizer, for: other.encoder[1])
    try part.restore(&average, for: other.encoder[1])
    #expect(optimizer.stepCount == 1)
    expectError("begins with 'decoder.'", "'encoder', 'head'") {
      _ = try saved.part(under: "decoder")
    }
  }

  @Test("other names are mapped, and what is missing is named with what it may be")
  func names() throws {
    let other = Renamed(seed: 2)
    expectError(
      "no tensor 'backbone.0.weight'", "'encoder.0.weight', which has the same shape",
      "renamed([\"encoder\": \"backbone\"])"
    ) { try saved.restore(other) }
    let renamed = try saved.renamed(["encoder": "backbone", "head": "classifier"])
    try renamed.restore(other)
    #expect(other.classifier.weight.tensor.scalars == model.head.weight.tensor.scalars)
    var optimizer = Adam()
    try renamed.restore(&optimizer, for: other)
    #expect(optimizer.stepCount == 1)
    // The longest beginning that fits counts, and only up to a dot.
    let swapped = try saved.renamed([
      "encoder": "x", "encoder.0": "head0", "head": "y", "head.bias": "z",
    ])
    #expect(
      Set(swapped.shapes.keys) == [
        "head0.weight", "head0.bias", "x.1.weight", "x.1.bias", "y.weight", "z",
      ])
    expectError("no 'enc' to be renamed to 'e'") { _ = try saved.renamed(["enc": "e"]) }
    expectError("'encoder.0.weight' and 'encoder.1.weight' would both be called") {
      _ = try saved.renamed(["encoder.0": "e", "encoder.1": "e"])
    }
    let whole = try saved.renamed { "model." + $0 }
    expectError("no tensor 'encoder.0.weight'", "part(under: \"model\")") {
      try whole.restore(Model(seed: 3))
    }
    try whole.part(under: "model").restore(Model(seed: 3))
  }

  @Test("some parameters are restored into a model that differs in the others")
  func selections() throws {
    let wide = Model(seed: 4, classes: 7)
    let before = wide.values
    expectError("'head.weight' has shape [2, 5], but the model needs [7, 5]", ".except(") {
      try saved.restore(wide)
    }
    #expect(wide.values == before)
    try saved.restore(wide, only: .all.except("head.*"))
    #expect(wide.values[0] == model.values[0] && wide.values[4] == before[4])
    // What the file has besides is refused where everything is to be restored.
    expectError("'encoder.1.weight', which the model does not know", "only: .all") {
      try saved.renamed(["encoder.0": "e"]).renamed {
        $0.hasPrefix("e.") ? String($0.dropFirst(2)) : $0
      }
      .restore(model.encoder[0])
    }
  }

  @Test("moments that no parameter takes are named, with what to write")
  func momentsOfNoParameter() throws {
    var optimizer = Adam()
    expectError("'optimizer.exp_avg.encoder.0.", "renamed([\"encoder.0.") {
      try saved.restore(&optimizer, for: Renamed(seed: 2))
    }
    expectError("'optimizer.exp_avg.encoder.0.", "part(under: \"encoder.0\")") {
      try saved.restore(&optimizer, for: model.encoder[0])
    }
    #expect(optimizer.stepCount == 0)
    // An optimiser of a part calls parameters as the part does, and counts steps by these names.
    var ofHead = Adam(rules: [.frozen("bias")])
    func step() throws {
      let loss = model.head(.ones([1, 5])).square().sum()
      ofHead.step(model.head, gradients: try gradients(of: loss))
    }
    try step()
    ofHead.rules = []
    try step()
    let checkpoint = Checkpoint(of: model, optimizer: ofHead)
    #expect(checkpoint.metadata["optimizer.steps"] == "1 bias")
    expectError("'optimizer.exp_avg.bias'", "restore(&optimizer, for: model.encoder)") {
      try checkpoint.restore(&optimizer, for: model)
    }
    try checkpoint.restore(&optimizer, for: model.head)
    #expect(optimizer.stepCount == 2)
  }

  @Test("renamed or taken as a part, parameters keep their own counts of steps")
  func countsOfSteps() throws {
    func loss(_ layers: [Linear], _ head: Linear) -> Tensor {
      head(layers[1](layers[0](.ones([1, 3])))).square().sum()
    }
    let trained = Model(seed: 6)
    var optimizer = Adam(rate: 0.01, rules: [.frozen("encoder.*")])
    func step() throws {
      let table = try gradients(of: loss(trained.encoder, trained.head))
      optimizer.step(trained, gradients: table)
    }
    for _ in 0..<4 { try step() }
    optimizer.rules = []
    for _ in 0..<2 { try step() }
    let checkpoint = Checkpoint(of: trained, optimizer: optimizer)
    #expect(checkpoint.metadata["optimizer.steps"]?.contains("2 encoder.0.weight") == true)

    let other = Renamed(seed: 7)
    let renamed = try checkpoint.renamed(["encoder": "backbone", "head": "classifier"])
    try renamed.restore(other)
    var continued = Adam(rate: 0.01)
    try renamed.restore(&continued, for: other)
    let part = Model(seed: 8)
    try checkpoint.restore(part)
    var ofPart = Adam(rate: 0.01)
    try checkpoint.part(under: "encoder.0").restore(&ofPart, for: part.encoder[0])
    try step()
    let table = try gradients(of: loss(other.backbone, other.classifier))
    continued.step(other, gradients: table)
    let partTable = try gradients(of: loss(part.encoder, part.head))
    ofPart.step(part.encoder[0], gradients: partTable)
    #expect(other.namedParameters.map { $0.parameter.tensor.scalars } == trained.values)
    #expect(part.encoder[0].weight.tensor.scalars == trained.encoder[0].weight.tensor.scalars)
  }

  @Test("damage is noticed under every name")
  func damage() throws {
    let url = folder.url.appending(path: "model.safetensors")
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: url)
    let part = try Checkpoint(contentsOf: url).part(under: "head")
    expectError("damaged") { try part.restore(Model(seed: 5).head) }
  }
}
