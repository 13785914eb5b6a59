import Foundation
import NeuralLayers
import Tensors
import TestSupport
import Testing
import Training

/// The problem of Fixtures/make_optimizers.py: sines of the position.
struct SineModel: Module {
  let weight: Parameter, bias: Parameter

  init(dtype: DType = .float64) {
    weight = Parameter(SineModel.sines([3, 4], 0.7).converted(to: dtype))
    bias = Parameter(SineModel.sines([3], 1.3).converted(to: dtype))
  }

  static func sines(_ shape: Shape, _ frequency: Double) -> Tensor {
    Tensor(
      (0..<shape.elementCount).map { sin(frequency * Double($0 + 1)) }, shape: shape,
      dtype: .float64)
  }

  func loss() -> Tensor {
    let dtype = weight.tensor.dtype
    let x = SineModel.sines([6, 4], 0.37).converted(to: dtype)
    let y = SineModel.sines([6, 3], 0.53).converted(to: dtype)
    return (x.linear(weight.tensor, bias: bias.tensor).tanh() - y).square().sum() / 6
  }

  func train(_ optimizer: inout some Optimizer, steps: Int = 20) throws {
    for _ in 0..<steps { optimizer.step(self, gradients: try gradients(of: loss())) }
  }

  var values: [Double] { weight.tensor.scalars + bias.tensor.scalars }
}

/// What PyTorch's optimisers and schedules come to.
@Suite struct TorchOptimizerTests {
  private struct Answers: Decodable {
    struct Weights: Decodable {
      let weight: [Double], bias: [Double]
    }
    let optimizers: [String: Weights]
    let schedules: [String: [Double]]

    static func read() throws -> Answers {
      let url = try #require(
        Bundle.module.url(forResource: "Fixtures/optimizers", withExtension: "json"))
      return try JSONDecoder().decode(Answers.self, from: Data(contentsOf: url))
    }
  }

  static let rate: Schedule = 0.02
  static let scheduled = Schedule.warmup(steps: 5).then(
    .cosine(from: 1, to: 0.1, steps: 15), after: 5)

  static let optimizers: [(String, any Optimizer)] = [
    ("sgd", SGD(rate: 0.1)), ("sgd momentum", SGD(rate: 0.05, momentum: .heavyBall(0.9))),
    ("sgd nesterov decay", SGD(rate: 0.05, momentum: .nesterov(0.8), weightDecay: 0.03)),
    ("adam", Adam(rate: rate)),
    ("adam decay", Adam(rate: rate, betas: (0.8, 0.95), epsilon: 1e-6, weightDecay: 0.05)),
    ("adamw", AdamW(rate: rate, weightDecay: 0.1)),
    (
      "adamw groups",
      AdamW(
        rate: rate, weightDecay: 0.1,
        rules: [.rate(times: 0.2, for: "bias"), .weightDecay(0, for: "b*s")])
    ),
    ("sgd frozen", SGD(rate: 0.1, momentum: .heavyBall(0.9), rules: [.frozen("bias")])),
    ("adamw scheduled", AdamW(rate: 0.02 * scheduled)),
  ]

  /// 20 steps of at most 0.1 from numbers of order 1: rounding grows to some hundred units.
  @Test("20 steps as torch.optim makes them", arguments: optimizers.map(\.0))
  func steps(_ name: String) throws {
    var optimizer = try #require(TorchOptimizerTests.optimizers.first { $0.0 == name }).1
    let expected = try #require(Answers.read().optimizers[name])
    let model = SineModel()
    try model.train(&optimizer)
    #expect(
      difference(model.values, expected.weight + expected.bias, absolute: 1e-13) == nil)
    #expect(optimizer.stepCount == 20)

    let single = SineModel(dtype: .float32)
    var other = try #require(TorchOptimizerTests.optimizers.first { $0.0 == name }).1
    try single.train(&other)
    #expect(difference(single.values, expected.weight + expected.bias, absolute: 2e-5) == nil)
  }

  @Test("an average of the weights as torch.optim.swa_utils makes it")
  func average() throws {
    let expected = try #require(Answers.read().optimizers["average of it"])
    let model = SineModel()
    var optimizer = AdamW(rate: 0.02 * TorchOptimizerTests.scheduled)
    var average = ExponentialMovingAverage(of: model, decay: 0.9)
    for _ in 0..<20 {
      try model.train(&optimizer, steps: 1)
      average.update(from: model)
    }
    let own = model.values
    let averaged = average.withAverages(in: model) { model.values }
    #expect(difference(averaged, expected.weight + expected.bias, absolute: 1e-13) == nil)
    #expect(model.values == own)
    #expect(average.stepCount == 20)
    struct Stop: Error {}
    #expect(throws: Stop.self) { try average.withAverages(in: model) { throw Stop() } }
    #expect(model.values == own)
  }

  @Test(
    "rates as torch.optim.lr_scheduler gives them",
    arguments: [
      ("warmup", Schedule.warmup(steps: 5)), ("cosine", .cosine(from: 1, to: 0.1, steps: 12)),
      ("exponential", .exponential(from: 1, factor: 0.9)),
      ("milestones", .steps(from: 1, factor: 0.1, at: [3, 8])),
      ("staircase", .steps(from: 1, factor: 0.5, every: 4)),
      ("linear", .linear(from: 1, to: 0.25, steps: 10)), ("sequence", 0.02 * scheduled),
    ])
  func schedules(_ name: String, _ schedule: Schedule) throws {
    let expected = try #require(Answers.read().schedules[name])
    #expect(difference((0..<12).map { schedule($0) }, expected, absolute: 1e-14) == nil)
  }
}
