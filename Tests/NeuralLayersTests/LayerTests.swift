import NeuralLayers
import Tensors
import TestSupport
import Testing

@Suite struct LayerTests {
  private func names(_ module: some Module) -> [String: Shape] {
    Dictionary(
      uniqueKeysWithValues: module.namedParameters.map { ($0.name, $0.parameter.shape) })
  }

  @Test func linear() {
    var generator = Philox(seed: 1)
    let layer = Linear(5, 3, using: &generator)
    #expect(names(layer) == ["weight": [3, 5], "bias": [3]])
    #expect(names(Linear(5, 3, bias: false, using: &generator)) == ["weight": [3, 5]])
    #expect(layer.outputSize == 3)
    #expect(layer.bias?.tensor.scalars == [0, 0, 0])
    layer.bias?.assign(testTensor([3], dtype: .float32))
    let x = testTensor([2, 4, 5], dtype: .float32)
    let expected = x.matmul(layer.weight.tensor.transposed()) + testTensor([3], dtype: .float32)
    #expect(difference(layer(x), expected, absolute: 1e-6) == nil)
    #expect(difference(layer(x, rectified: true), expected.relu(), absolute: 1e-6) == nil)
  }

  @Test func perceptron() {
    var generator = Philox(seed: 2)
    let layer = Perceptron(5, hidden: 7, 3, using: &generator)
    #expect(
      names(layer) == ["0.weight": [7, 5], "0.bias": [7], "2.weight": [3, 7], "2.bias": [3]])
    let x = testTensor([2, 5], dtype: .float32)
    #expect(difference(layer(x), layer.output(layer.hidden(x).relu()), absolute: 1e-6) == nil)
  }

  @Test func convolution() {
    var generator = Philox(seed: 3)
    let layer = Convolution2D(3, 6, kernel: 4, stride: 4, padding: 1, using: &generator)
    #expect(names(layer) == ["weight": [6, 3, 4, 4], "bias": [6]])
    #expect(layer(.zeros([2, 10, 14, 3])).shape == [2, 3, 4, 6])
    #expect(
      names(Convolution2D(3, 6, kernel: 1, bias: false, using: &generator))
        == ["weight": [6, 3, 1, 1]])
  }

  @Test func layerNorm() {
    let layer = LayerNorm(6)
    #expect(names(layer) == ["weight": [6], "bias": [6]])
    let result = layer(testTensor([4, 6], scale: 5, offset: 2, dtype: .float32))
    let mean = result.mean(alongAxis: -1)
    let variance = result.square().mean(alongAxis: -1)
    #expect(difference(mean, .zeros([4]), absolute: 1e-6) == nil)
    #expect(difference(variance, .ones([4]), absolute: 1e-4) == nil)
  }

  @Test func gatedRecurrentUnit() {
    var generator = Philox(seed: 4)
    let cell = GRUCell(5, 3, using: &generator)
    #expect(
      names(cell)
        == ["weight_ih": [9, 5], "weight_hh": [9, 3], "bias_ih": [9], "bias_hh": [9]])
    // Orthonormal columns of the whole [9, 3] matrix.
    let state = cell.stateWeight.tensor
    #expect(
      difference(state.matmul(state, transposingSelf: true), .identity(3), absolute: 1e-6) == nil)
    // A saturated update gate keeps the state, an open one replaces it.
    let h = testTensor([2, 3], dtype: .float32)
    let x = testTensor([2, 5], seed: 2, dtype: .float32)
    let gate = { (value: Double) in
      Tensor(
        [Double](repeating: 0, count: 3) + [Double](repeating: value, count: 3)
          + [Double](repeating: 0, count: 3), shape: [9])
    }
    cell.inputBias.assign(gate(100))
    #expect(difference(cell(x, state: h), h, absolute: 1e-6) == nil)
    cell.inputBias.assign(gate(-100))
    #expect(difference(cell(x, state: h), h, absolute: 1e-2) != nil)
    #expect(cell(x, state: h).largestMagnitude < 1, "a hyperbolic tangent")
  }

  @Test func embedding() {
    var generator = Philox(seed: 5)
    let layer = Embedding(4, 3, using: &generator)
    #expect(names(layer) == ["weight": [4, 3]])
    let rows = layer([[3, 0]])
    #expect(rows.shape == [1, 2, 3])
    let table = layer.weight.tensor
    #expect(rows.scalars == table.slice(3..<4).scalars + table.slice(0..<1).scalars)
  }
}
