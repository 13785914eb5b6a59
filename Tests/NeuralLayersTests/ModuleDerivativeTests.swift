import NeuralLayers
import Tensors
import TestSupport
import Testing

/// Derivatives with respect to a module's parameters.
@Suite struct ModuleDerivativeTests {
  private struct Model: Module {
    let first: Linear
    let norm: LayerNorm
    let second: Linear
    let unused: Linear

    init() {
      var generator = Philox(seed: 1)
      first = Linear(3, 4, using: &generator)
      norm = LayerNorm(4)
      second = Linear(4, 2, using: &generator)
      unused = Linear(1, 1, using: &generator)
      convertParameters(to: .float64)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { second(norm(first(x)).tanh()) }

    var tensors: [Tensor] { namedParameters.map(\.parameter.tensor) }

    /// A direction in the space of parameters.
    func direction(seed: Int) -> Gradients {
      var table = Gradients()
      for (index, tensor) in tensors.enumerated() {
        table[tensor] = testTensor(tensor.shape, seed: seed + index)
      }
      return table
    }
  }

  private let model = Model()
  private let x = testTensor([5, 3], seed: 2)
  private func loss() -> Tensor { model(x).square().sum() }

  private func product(_ a: Gradients, _ b: Gradients) throws -> Double {
    try model.tensors.reduce(0) {
      try $0 + (#require(a[$1]) * #require(b[$1])).sum().scalar
    }
  }

  @Test("the gradient is that of the table, with zeros where nothing depends on a parameter")
  func gradient() throws {
    let (value, slope) = try model.valueWithGradient(of: loss)
    #expect(value.scalar == loss().scalar)
    #expect(slope.count == model.tensors.count)
    let table = try gradients(of: loss())
    for tensor in model.tensors {
      let expected = table[tensor] ?? tensor.zerosLike()
      #expect(
        try difference(#require(slope[tensor]), expected, relative: 1e-12, absolute: 1e-14) == nil)
    }
    #expect(table[model.unused.weight.tensor] == nil)
    let quiet = try withoutRecording { try model.gradient(of: loss) }
    #expect(try model.tensors.allSatisfy { try !#require(quiet[$0]).isRecorded })
  }

  @Test("forward, reverse and the Jacobian agree")
  func products() throws {
    let s = model.direction(seed: 10)
    let (value, forward) = try model.jvp(along: s) { model(x) }
    let v = testTensor([5, 2], seed: 3)
    let (image, pullback) = try model.valueWithPullback { model(x) }
    #expect(value.scalars == image.scalars)
    let left = (v * forward).sum().scalar
    let right = try product(pullback(v), s)
    #expect(abs(left - right) < 1e-12 * abs(left))
    for mode in [DifferentiationMode.forward, .reverse] {
      let j = try model.jacobian(mode: mode) { model(x) }
      let sum = try model.tensors.map { tensor -> Tensor in
        let matrix = try #require(j[tensor])
        #expect(matrix.shape == [5, 2] + tensor.shape)
        return try matrix.reshaped([10, tensor.count])
          .matmul(#require(s[tensor]).reshaped([tensor.count, 1]))
      }.reduce(Tensor.zeros([10, 1], dtype: .float64), +)
      #expect(difference(sum.reshaped([5, 2]), forward, relative: 1e-12) == nil)
    }
  }

  @Test("Hessian-vector products: symmetric, and differences of gradients")
  func curvature() throws {
    let (s, t) = (model.direction(seed: 20), model.direction(seed: 30))
    let product = try model.hessianVectorProduct(along: s, of: loss)
    let other = try model.hessianVectorProduct(along: t, of: loss)
    let (left, right) = (try self.product(product, t), try self.product(other, s))
    #expect(abs(left - right) < 1e-11 * abs(left))

    let base = model.tensors
    let parameters = model.namedParameters.map(\.parameter)
    let step = 1e-5
    let sides = try [step, -step].map { step -> [Tensor] in
      for (parameter, tensor) in zip(parameters, base) {
        parameter.assign(tensor + (try #require(s[tensor])) * step)
      }
      let table = try withoutRecording { try model.gradient(of: loss) }
      return try parameters.map { try #require(table[$0.tensor]) }
    }
    for (index, tensor) in base.enumerated() {
      let numerical = (sides[0][index] - sides[1][index]) / (2 * step)
      #expect(
        try difference(#require(product[tensor]), numerical, relative: 1e-7, absolute: 1e-7)
          == nil, "parameter \(index)")
    }
  }

  @Test("a gradient by parameters stands inside another, and inside one by the input")
  func nesting() throws {
    // |dL/dtheta|^2 / 2 has the gradient H dL/dtheta.
    let slope = try model.gradient(of: loss)
    let expected = try model.hessianVectorProduct(along: slope, of: loss)
    let penalty = try model.gradient {
      let table = try model.gradient(of: loss)
      return try model.tensors.map { try #require(table[$0]).square().sum() / 2 }
        .reduce(Tensor(0, dtype: .float64), +)
    }
    for tensor in model.tensors {
      #expect(
        try difference(
          #require(penalty[tensor]), #require(expected[tensor]), relative: 1e-11,
          absolute: 1e-12) == nil)
    }
    let found = try gradientDifference([x]) { v in
      try #require(model.gradient { model(v[0]).square().sum() }[model.first.weight.tensor])
    }
    #expect(found == nil)
  }

  @Test("what was computed from parameters before the call is a constant")
  func captured() throws {
    let bias = model.second.bias!
    bias.assign(Tensor([2, 3], shape: [2], dtype: .float64))
    let before = bias.tensor * 1
    let slope = try model.gradient { (before * bias.tensor).sum() }
    #expect(try #require(slope[bias.tensor]).scalars == [2, 3])
  }
}
