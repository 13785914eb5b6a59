import Foundation
import NeuralLayers
import Tensors
import TestFolders
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

private struct Tied: Module {
  let a: Linear
  let b: Linear
  let c: Linear

  init(seed: UInt64) {
    var generator = Philox(seed: seed)
    a = Linear(2, 2, using: &generator)
    b = a
    c = Linear(2, 2, using: &generator)
  }

  func loss() -> Tensor { c(b(a(Tensor([1, 2], shape: [1, 2])))).square().sum() }
}

@Suite struct CheckpointTests {
  private let folder: TemporaryFolder
  private var url: URL { folder.url.appending(path: "checkpoint.safetensors") }

  init() throws { folder = try TemporaryFolder() }

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
    var continued = Adam()
    try checkpoint.restore(&continued, for: other)
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

  @Test("a shared parameter is changed once, and written under each of its names")
  func sharedParameters() throws {
    let model = Tied(seed: 1)
    let (shared, own) = (model.a.weight.tensor.scalars, model.c.weight.tensor.scalars)
    var optimizer = Adam()
    // Also where a module lists it twice.
    let twice = model.namedParameters.flatMap { entry in
      entry.names.map { NamedParameter($0, entry.parameter) }
    }
    optimizer.step(twice, gradients: try gradients(of: model.loss())) { _ in 0.01 }
    for (before, after) in [(shared, model.a.weight), (own, model.c.weight)] {
      // The first step of Adam is as long as the rate.
      let moved = zip(before, after.tensor.scalars).map { abs($0 - $1) }
      #expect(moved.allSatisfy { abs($0 - 0.01) < 1e-5 }, "\(moved)")
    }
    try Checkpoint(of: model, optimizer: optimizer).write(to: url)
    let names = try SafetensorsFile(contentsOf: url).entries.map(\.name)
    #expect(names.contains("a.weight") && names.contains("b.weight"))
    #expect(names.filter { $0.hasSuffix("exp_avg.a.weight") }.count == 1)
    #expect(!names.contains("optimizer.exp_avg.b.weight"))

    let other = Tied(seed: 2)
    let checkpoint = try Checkpoint(contentsOf: url)
    try checkpoint.restore(other)
    #expect(other.a.weight.tensor.scalars == model.a.weight.tensor.scalars)
    var restored = Adam()
    try checkpoint.restore(&restored, for: other)
    #expect(restored.stepCount == 1)
    // Either name will do, but not two values.
    let file = try SafetensorsFile(contentsOf: url)
    let without = file.entries.filter { !$0.name.hasPrefix("a.") }
    try SafetensorsFile(without).write(to: url)
    try Checkpoint(contentsOf: url).restore(Tied(seed: 3))
    try SafetensorsFile(without + [.init("a.weight", .zeros([2, 2]))]).write(to: url)
    let differing = #expect(throws: SafetensorsError.self) {
      try Checkpoint(contentsOf: url).restore(Tied(seed: 3))
    }
    #expect(differing?.description.contains("'a.weight' and 'b.weight' differ") == true)
  }

  @Test("what has changed in a file is named, and numbers that are not finite are refused")
  func damage() throws {
    let model = Model(seed: 1)
    var optimizer = Adam()
    try train(model, &optimizer, steps: 1)
    try Checkpoint(of: model, optimizer: optimizer, metadata: ["note": "one"]).write(to: url)
    #expect(Checkpoint.isWhole(url))
    let whole = try Data(contentsOf: url)
    let last = try #require(SafetensorsFile(contentsOf: url).entries.last?.name)
    var flipped = whole
    flipped[whole.count - 1] ^= 1
    try flipped.write(to: url)
    #expect(!Checkpoint.isWhole(url))
    let error = #expect(throws: SafetensorsError.self) {
      try Checkpoint(contentsOf: url).restore(model)
    }
    #expect(error?.description.contains("'\(last)'") == true)
    #expect(
      try Checkpoint(contentsOf: url).metadata == [
        "note": "one", "optimizer.kinds": "exp_avg,exp_avg_sq", "optimizer.step": "1",
      ])

    model.scale.assign(Tensor([1, .nan, 2], shape: [3]))
    try Checkpoint(of: model).write(to: url)
    let before = model.inner.weight.tensor.scalars
    let refused = #expect(throws: SafetensorsError.self) {
      try Checkpoint(contentsOf: url).restore(model)
    }
    #expect(refused?.description.contains("'scale' holds numbers that are not finite") == true)
    #expect(model.inner.weight.tensor.scalars == before)
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
      var optimizer = Adam()
      try Checkpoint(contentsOf: url).restore(&optimizer, for: wide)
    }
    #expect(none?.description.contains("optimiser") == true)
  }
}
