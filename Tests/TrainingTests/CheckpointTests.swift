import Foundation
import NeuralLayers
import Tensors
import Testing
import Training

private struct Model: Module {
  let inner: Linear
  let scale: Parameter
  init(seed: UInt64, width: Int = 3) {
    var generator = Philox(seed: seed)
    inner = Linear(2, width, using: &generator)
    scale = Parameter(.normal([width], using: &generator))
  }

  func loss() -> Tensor {
    (inner(Tensor([1, 2], shape: [1, 2])) * scale.tensor).square().sum()
  }

  var values: [[Double]] { namedParameters.map { $0.parameter.tensor.scalars } }
}

@Suite struct CheckpointTests {
  private let url = FileManager.default.temporaryDirectory
    .appending(path: "checkpoint-\(UUID().uuidString).safetensors")

  private func train(_ model: Model, _ optimizer: inout Adam, steps: Int) throws {
    for _ in 0..<steps {
      let table = try gradients(of: model.loss())
      optimizer.step(model.namedParameters, gradients: table) { _ in 0.01 }
    }
  }

  @Test func trainingContinuesBitwise() throws {
    let model = Model(seed: 1)
    var optimizer = Adam()
    try train(model, &optimizer, steps: 3)
    try Checkpoint(of: model, optimizer: optimizer, metadata: ["note": "three"]).write(to: url)
    try train(model, &optimizer, steps: 4)

    let other = Model(seed: 2)
    let checkpoint = try Checkpoint(contentsOf: url)
    #expect(checkpoint.metadata["note"] == "three")
    try checkpoint.restore(other)
    var continued = try checkpoint.optimizer(for: other)
    #expect(continued.stepCount == 3)
    try train(other, &continued, steps: 4)
    #expect(other.values == model.values)
  }

  @Test func thePreviousFileIsKept() throws {
    let (first, second) = (Model(seed: 1), Model(seed: 2))
    try Checkpoint(of: first).write(to: url)
    try Checkpoint(of: second).write(to: url)
    let read = Model(seed: 3)
    try Checkpoint(contentsOf: Checkpoint.previous(of: url)).restore(read)
    #expect(read.values == first.values)
    try Checkpoint(contentsOf: url).restore(read)
    #expect(read.values == second.values)
  }

  @Test func anotherModelIsRefusedAndUnchanged() throws {
    try Checkpoint(of: Model(seed: 1)).write(to: url)
    let wide = Model(seed: 2, width: 4)
    let before = wide.values
    let error = #expect(throws: SafetensorsError.self) {
      try Checkpoint(contentsOf: url).restore(wide)
    }
    #expect(error?.description.contains("inner.weight") == true)
    #expect(error?.description.contains("[3, 2]") == true)
    #expect(error?.description.contains("[4, 2]") == true)
    #expect(wide.values == before)
    let none = #expect(throws: SafetensorsError.self) {
      try Checkpoint(contentsOf: url).optimizer(for: wide)
    }
    #expect(none?.description.contains("optimiser") == true)
  }
}
