import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

private struct Stack: Module {
  let weightIh: Parameter
  let layers: [Perceptron]
  let normInputs: LayerNorm
  let width = 7
  let bias: Parameter?
}

@Suite struct ModuleTests {
  private func stack(bias: Bool) -> Stack {
    var generator = Philox(seed: 1)
    return Stack(
      weightIh: Parameter(.zeros([2])),
      layers: (0..<2).map { _ in Perceptron(3, hidden: 4, 5, using: &generator) },
      normInputs: LayerNorm(6), bias: bias ? Parameter(.zeros([1])) : nil)
  }

  @Test func namesAreSnakeCaseWithPositions() {
    let perceptron = ["0.weight", "0.bias", "2.weight", "2.bias"]
    let expected =
      ["weight_ih"] + perceptron.map { "layers.0.\($0)" } + perceptron.map { "layers.1.\($0)" }
      + ["norm_inputs.weight", "norm_inputs.bias"]
    #expect(stack(bias: false).namedParameters.map(\.name) == expected)
    #expect(stack(bias: true).namedParameters.map(\.name) == expected + ["bias"])
  }

  @Test func parametersAreCounted() {
    #expect(stack(bias: true).parameterCount == 2 + 2 * (12 + 4 + 20 + 5) + 12 + 1)
  }

  @Test func conversionReachesEveryParameter() {
    let model = stack(bias: true)
    let before = model.namedParameters.map { $0.parameter.tensor.scalars }
    model.convertParameters(to: .float64)
    #expect(model.namedParameters.allSatisfy { $0.parameter.tensor.dtype == .float64 })
    #expect(model.namedParameters.allSatisfy { $0.parameter.tensor.isRecorded })
    #expect(model.namedParameters.map { $0.parameter.tensor.scalars } == before)
  }

  @Test func aParameterIsShared() throws {
    let parameter = Parameter(testTensor([2, 3]))
    let other = parameter
    other.assign(parameter.tensor.detached() * 2)
    #expect(parameter.tensor.scalars == testTensor([2, 3]).scalars.map { 2 * $0 })
    #expect(try gradients(of: parameter.tensor.sum())[other.tensor] != nil)
  }

  @Test func aParameterKeepsItsShape() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { Parameter(.zeros([2, 3])).assign(.zeros([3, 2])) }
    let message = errorText(result)
    #expect(message.contains("[2, 3]") && message.contains("[3, 2]"))
  }
}
