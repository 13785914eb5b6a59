import Foundation
import NeuralLayers
import Tensors
import TestFolders
import Testing
import Training

/// What an optimiser remembers, and which parameters it changes.
@Suite struct OptimizerStateTests {
  private let folder: TemporaryFolder
  private var url: URL { folder.url.appending(path: "checkpoint.safetensors") }

  init() throws { folder = try TemporaryFolder() }

  @Test(
    "saved and restored, every optimiser goes on bitwise", arguments: [DType.float32, .float64])
  func bitwise(_ dtype: DType) throws {
    for (name, start) in TorchOptimizerTests.optimizers {
      let model = SineModel(dtype: dtype)
      var optimizer = start
      var average = ExponentialMovingAverage(of: model, decay: 0.8)
      try model.train(&optimizer, steps: 4)
      average.update(from: model)
      try Checkpoint(of: model, optimizer: optimizer, average: average).write(to: url)
      try model.train(&optimizer, steps: 3)
      average.update(from: model)

      let other = SineModel(dtype: dtype)
      var (continued, mean) = (start, ExponentialMovingAverage(of: other, decay: 0.8))
      let checkpoint = try Checkpoint(contentsOf: url)
      try checkpoint.restore(other)
      try restore(&continued, from: checkpoint, for: other)
      try checkpoint.restore(&mean, for: other)
      #expect(checkpoint.shapes == ["weight": [3, 4], "bias": [3]])
      try other.train(&continued, steps: 3)
      mean.update(from: other)
      #expect(other.values == model.values, "\(name)")
      #expect(continued.stepCount == 7)
      let means = [(average, model), (mean, other)].map { average, model in
        average.withAverages(in: model) { model.values }
      }
      #expect(means[0] == means[1] && mean.stepCount == 2, "\(name)")
    }
  }

  private func restore(
    _ optimizer: inout any Optimizer, from checkpoint: Checkpoint, for model: SineModel
  ) throws {
    func opened<Kind: Optimizer>(_ kind: Kind) throws -> Kind {
      var kind = kind
      try checkpoint.restore(&kind, for: model)
      return kind
    }
    optimizer = try opened(optimizer)
  }

  @Test("a parameter that is trained later counts its steps from its own first one")
  func lateParameters() throws {
    let model = SineModel()
    var optimizer = Adam(rate: 0.01, rules: [.frozen("bias")])
    let before = model.bias.tensor.scalars
    try model.train(&optimizer, steps: 5)
    #expect(model.bias.tensor.scalars == before)
    optimizer.rules = [.frozen("*"), .trained("bias")]
    let weight = model.weight.tensor.scalars
    try model.train(&optimizer, steps: 1)
    #expect(model.weight.tensor.scalars == weight)
    // The first step of Adam is as long as the rate.
    for (old, new) in zip(before, model.bias.tensor.scalars) {
      #expect(abs(abs(old - new) - 0.01) < 1e-6)
    }
    // A checkpoint knows the counts.
    try Checkpoint(of: model, optimizer: optimizer).write(to: url)
    let other = SineModel()
    let checkpoint = try Checkpoint(contentsOf: url)
    #expect(checkpoint.metadata["optimizer.steps"] == "5 weight\n1 bias")
    try checkpoint.restore(other)
    var continued = Adam(rate: 0.01)
    try checkpoint.restore(&continued, for: other)
    optimizer.rules = []
    try model.train(&optimizer, steps: 2)
    try other.train(&continued, steps: 2)
    #expect(other.values == model.values)
  }

  @Test("parameters are selected by pattern, by module, and by what is left")
  func selections() {
    struct Model: Module {
      let encoder: Linear, head: Linear
    }
    var random = Philox(seed: 1)
    let model = Model(encoder: Linear(2, 3, using: &random), head: Linear(3, 1, using: &random))
    func names(_ selection: ParameterSelection) -> [String] {
      model.namedParameters.filter { selection.contains($0) }.map(\.name)
    }
    #expect(names("*.bias") == ["encoder.bias", "head.bias"])
    #expect(names("e*.*a*") == ["encoder.bias"])
    #expect(names("*") == names(.all) && names(.all).count == 4)
    #expect(names("head") == [] && names("*head") == [] && names("head*").count == 2)
    #expect(names("") == [] && names("*weight*") == ["encoder.weight", "head.weight"])
    #expect(names(.of(model.head)) == ["head.weight", "head.bias"])
    #expect(names(.all.except(.of(model.head))) == ["encoder.weight", "encoder.bias"])
    #expect(names(ParameterSelection("head.bias").or("encoder.w*")).count == 2)
  }

  @Test("a table of gradients from before the last step stops")
  func staleGradients() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let model = SineModel()
      let table = try gradients(of: model.loss())
      var optimizer = SGD(rate: 0.1)
      optimizer.step(model, gradients: table)
      optimizer.step(model, gradients: table)
    }
    #expect(errorText(result).contains("none of 2 parameters has a gradient"))
  }

  @Test("a rule about no parameter stops")
  func misspeltRules() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let model = SineModel()
      var optimizer = SGD(rate: 0.1, rules: [.frozen("wieght")])
      optimizer.step(model, gradients: try gradients(of: model.loss()))
    }
    #expect(
      errorText(result).contains("'wieght'")
        && errorText(result).contains("weight, bias"))
  }

  @Test("an average of another model stops")
  func averageOfAnother() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var average = ExponentialMovingAverage(of: SineModel())
      var random = Philox(seed: 1)
      average.update(from: Linear(2, 3, using: &random))
    }
    #expect(
      errorText(result).contains("[3, 4]")
        && errorText(result).contains("[3, 2]"))
  }

  @Test func anotherOptimizersStateIsRefused() throws {
    let model = SineModel()
    var trained = SGD(rate: 0.1, momentum: .heavyBall(0.9))
    try model.train(&trained, steps: 2)
    try Checkpoint(of: model, optimizer: trained).write(to: url)
    let checkpoint = try Checkpoint(contentsOf: url)
    var adam = Adam()
    let error = #expect(throws: SafetensorsError.self) {
      try checkpoint.restore(&adam, for: model)
    }
    #expect(error?.description.contains("keeps 'momentum_buffer'") == true)
    #expect(error?.description.contains("exp_avg and exp_avg_sq") == true)
    #expect(adam.stepCount == 0)
    var average = ExponentialMovingAverage(of: model)
    let none = #expect(throws: SafetensorsError.self) {
      try checkpoint.restore(&average, for: model)
    }
    #expect(none?.description.contains("no average") == true)
  }

  @Test func theStateOfAnOptimizerThatKeepsNothingIsRefusedByOthers() throws {
    let model = SineModel()
    var plain = SGD(rate: 0.1)
    try model.train(&plain, steps: 2)
    let checkpoint = Checkpoint(of: model, optimizer: plain)
    #expect(checkpoint.metadata["optimizer.kinds"] == "")
    var adam = Adam()
    let error = #expect(throws: SafetensorsError.self) {
      try checkpoint.restore(&adam, for: model)
    }
    #expect(error?.description.contains("keeps nothing, but this one keeps exp_avg") == true)
    #expect(adam.stepCount == 0)
    var continued = SGD(rate: 0.1)
    try checkpoint.restore(&continued, for: model)
    #expect(continued.stepCount == 2)
  }

  @Test func filesFromBeforeTheKindsWereRecordedLoad() throws {
    let model = SineModel()
    var adam = Adam()
    try model.train(&adam, steps: 3)
    try Checkpoint(of: model, optimizer: adam).write(to: url)
    let entries = try SafetensorsFile(contentsOf: url).entries
    try SafetensorsFile(entries, metadata: ["optimizer.step": "3"]).write(to: url)
    var continued = Adam()
    try Checkpoint(contentsOf: url).restore(&continued, for: model)
    #expect(continued.stepCount == 3)
  }

  @Test(
    "counts of steps that make no sense are refused",
    arguments: [
      "two weight", "weight", "99 weight", "-1 weight",
    ])
  func unreadableCounts(_ counts: String) throws {
    let model = SineModel()
    var adam = Adam()
    try model.train(&adam, steps: 5)
    try Checkpoint(of: model, optimizer: adam).write(to: url)
    let entries = try SafetensorsFile(contentsOf: url).entries
    try SafetensorsFile(entries, metadata: ["optimizer.step": "5", "optimizer.steps": counts])
      .write(to: url)
    let error = #expect(throws: SafetensorsError.self) {
      try Checkpoint(contentsOf: url).restore(&adam, for: model)
    }
    #expect(error?.description.contains("counts of steps cannot be read") == true)
    #expect(adam.stepCount == 5)
  }

  @Test func schedulesCompose() {
    let late = Schedule.warmup(steps: 4).delayed(by: 2)
    #expect((0..<8).map { late($0) } == [0.25, 0.25, 0.25, 0.5, 0.75, 1, 1, 1])
    let both: Schedule = 2 * .linear(from: 1, to: 0, steps: 4)
    #expect([0, 1, 4, 9].map { both($0) } == [2, 1.5, 0, 0])
    let parts = Schedule.constant(3).then(.steps(from: 1, factor: 0.5, every: 2), after: 2)
    #expect((0..<6).map { parts($0) } == [3, 3, 1, 1, 0.5, 0.5])
    #expect(Schedule.warmup(steps: 0)(0) == 1)
    #expect(Schedule.cosine(from: 1, to: 0.2, steps: 0)(0) == 0.2)
    #expect(abs(Schedule.exponential(from: 8, factor: 0.25, every: 10)(5) - 4) < 1e-14)
    #expect(late == Schedule.warmup(steps: 4).delayed(by: 2) && late != .warmup(steps: 4))
  }
}
