import Foundation
import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct ContainerTests {
  private static func model() -> Sequential {
    var random = Philox(seed: 1)
    return Sequential(
      Convolution2D(2, 6, kernel: 3, padding: 1, using: &random), BatchNorm(6), Activation.gelu,
      MaxPooling(kernel: 2),
      Residual(
        Sequential(
          GroupNorm(3, 6), Convolution2D(6, 6, kernel: 3, padding: 1, using: &random),
          Activation.silu)),
      TransposedConvolution2D(6, 4, kernel: 2, stride: 2, bias: false, using: &random),
      AveragePooling(kernel: 2, stride: 1), AdaptiveAveragePooling(height: 2, width: 1), Flatten(),
      RMSNorm(8), Dropout(0.5), Linear(8, 3, using: &random), LayerNorm(3))
  }

  @Test("parameters are named by positions, as in published sequences")
  func names() {
    #expect(
      Self.model().namedParameters.map(\.name) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "1.num_batches_tracked", "4.layer.0.weight", "4.layer.0.bias", "4.layer.1.weight",
        "4.layer.1.bias", "5.weight", "9.weight", "11.weight", "11.bias", "12.weight", "12.bias",
      ])
  }

  @Test("a sequence is the composition of its layers, and hands on its context")
  func composition() throws {
    let model = Self.model()
    let x = testTensor([5, 4, 6, 2], dtype: .float32)
    let (context, other) = (
      LayerContext.training(noise: Philox(seed: 2)), LayerContext.training(noise: Philox(seed: 2))
    )
    let y = try model(x, in: context)
    var expected = x
    for layer in model.layers { expected = try layer(expected, in: other) }
    #expect(y.shape == [5, 3])
    #expect(y.scalars == expected.scalars)
    #expect(context.statistics.count == 1)
    context.statistics.commit()
    let (first, second) = (try model(x, in: .evaluation), try model(x, in: .evaluation))
    #expect(first.scalars == second.scalars && first.scalars != y.scalars)
    #expect(try Sequential()(x, in: .evaluation).scalars == x.scalars)
  }

  @Test func everyTrainedParameterGetsAGradient() throws {
    let model = Self.model()
    model.convertParameters(to: .float64)
    let x = testTensor([5, 4, 6, 2])
    // Layer norm makes the sum of y constant.
    let loss = { () throws -> Tensor in
      let y = try model(x, in: .training(noise: Philox(seed: 3)))
      return (y * testTensor([5, 3], seed: 4)).sum()
    }
    let table = try model.gradient(of: loss)
    for entry in model.namedParameters where entry.parameter.isTrained {
      let value = entry.parameter.tensor.detached()
      let slope = try #require(table[entry.parameter.tensor])
      let direction = testTensor(value.shape, seed: 5)
      let sides = try [1e-5, -1e-5].map { step -> Double in
        entry.parameter.assign(value + direction * step)
        defer { entry.parameter.assign(value) }
        return try loss().scalar
      }
      let numerical = (sides[0] - sides[1]) / 2e-5
      let exact = (slope * direction).sum().scalar
      #expect(abs(exact - numerical) < 1e-6 * max(1, abs(numerical)), "\(entry.name)")
    }
  }

  @Test func aResidualAddsItsInput() throws {
    var random = Philox(seed: 3)
    let layer = Linear(4, 4, using: &random)
    let x = testTensor([2, 4], dtype: .float32)
    #expect(try Residual(layer)(x, in: .evaluation).scalars == (x + layer(x)).scalars)
  }

  @Test func aResidualOfAnotherShapeIsAMistake() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var random = Philox(seed: 3)
      _ = try Residual(Linear(4, 1, using: &random))(.ones([2, 4]), in: .evaluation)
    }
    let message = errorText(result)
    #expect(message.contains("[2, 4]") && message.contains("[2, 1]"), "\(message)")
  }

  @Test("each activation is its function", arguments: Activation.allCases)
  func activations(_ activation: Activation) {
    let x = testTensor([3, 5], scale: 3)
    let expected: (Double) -> Double =
      switch activation {
      case .identity: { $0 }
      case .relu: { max($0, 0) }
      case .gelu: { $0 * (1 + erf($0 / 2.0.squareRoot())) / 2 }
      case .geluTanh:
        { $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) / 2 }
      case .silu: { $0 / (1 + exp(-$0)) }
      case .tanh: { tanh($0) }
      case .sigmoid: { 1 / (1 + exp(-$0)) }
      case .softplus: { log(1 + exp($0)) }
      }
    let y = activation(x, in: .evaluation)
    #expect(difference(y.scalars, x.scalars.map(expected), absolute: 1e-14) == nil)
    var random = Philox(seed: 2)
    let layer = Perceptron(5, hidden: 7, 2, activation: activation, using: &random)
    layer.convertParameters(to: .float64)
    #expect(
      difference(layer(x), layer.output(activation(layer.hidden(x))), absolute: 1e-14) == nil)
    #expect(layer.namedParameters.map(\.name) == ["0.weight", "0.bias", "2.weight", "2.bias"])
  }

  @Test("a layer made from windows is that made from their numbers")
  func windows() {
    func made<Pooling: WindowPooling>(_ type: Pooling.Type, _ window: PoolingWindow) -> Pooling {
      type.init(window)
    }
    let x = testTensor([2, 5, 7, 3])
    let own = made(MaxPooling.self, PoolingWindow(kernel: 3, stride: 2, padding: 1))
    #expect(own(x).scalars == x.maxPooled(kernel: 3, stride: 2, padding: 1).scalars)
    let byDefault = made(AveragePooling.self, PoolingWindow(kernel: 2))
    #expect(byDefault.window == AveragePooling(kernel: 2, stride: 2, padding: 0).window)
    #expect(byDefault(x).scalars == x.averagePooled(kernel: 2).scalars)
  }

  @Test func globalPoolingIsTheMeanOfAnImage() {
    let x = testTensor([2, 3, 5, 4])
    let y = GlobalAveragePooling()(x)
    #expect(y.shape == [2, 4])
    let expected = AdaptiveAveragePooling(height: 1, width: 1)(x).reshaped([2, 4])
    #expect(difference(y, expected, absolute: 1e-15) == nil)
  }

  @Test("the Kaiming gain of a transposed convolution keeps the variance of a rectified image")
  func gain() {
    var random = Philox(seed: 4)
    let layer = TransposedConvolution2D(
      32, 32, kernel: 4, stride: 2, padding: 1, initializer: .kaiming, using: &random)
    let x = Tensor.normal([4, 16, 16, 32], using: &random)
    let y = layer(x.relu())
    let inner = y.slice(2..<30, alongAxis: 1).slice(2..<30, alongAxis: 2)
    #expect(abs(inner.square().mean().scalar - 1) < 0.15)
  }
}
