import ImplicitLayers
import ImplicitModels
import NeuralLayers
import Tensors
import TestSupport
import Testing

@Suite struct DEQPerceptronTests {
  private static func model(_ activation: Activation = .tanh) -> DEQPerceptron {
    var random = Philox(seed: 1)
    var model = DEQPerceptron(4, 7, activation: activation, using: &random)
    model.convertParameters(to: .float64)
    model.injection.bias?.assign(testTensor([7], seed: 2))
    model.stoppingRule = exactly
    return model
  }
  private let x = testTensor([3, 4], seed: 3)

  @Test("it is the limit of a network of weight-tied layers, and so is its gradient")
  func depth() throws {
    let model = Self.model()
    let (w, u) = (model.recurrence.weight.tensor, model.injection.weight.tensor)
    let bias = try #require(model.injection.bias).tensor
    func network(_ x: Tensor) -> Tensor {
      var z = Tensor.zeros([3, 7], dtype: .float64)
      for _ in 0..<300 {
        z = (z.matmul(w.transposed()) + x.matmul(u.transposed()) + bias).tanh()
      }
      return z
    }
    let loss = { (z: Tensor) in (z * testTensor([3, 7], seed: 4)).sum() }
    let deep = network(x)
    #expect(difference(try model(x), deep, absolute: 1e-11) == nil)
    let (expected, found) = (try gradients(of: loss(deep)), try gradients(of: loss(model(x))))
    for parameter in [w, u, bias] {
      let (a, b) = (try #require(found[parameter]), try #require(expected[parameter]))
      #expect(difference(a, b, relative: 1e-10) == nil)
    }
  }

  @Test("one fixed point from everywhere")
  func anyStart() throws {
    var model = Self.model(.softplus)
    #expect(try model.spectralNorm() < 1)
    let reference = try model(x)
    model.solver = .picard()
    let far = try model.solve(
      injection: model.inject(x), from: testTensor([3, 7], seed: 5, scale: 50))
    #expect(difference(far.value, reference, relative: 1e-11) == nil)
  }

  @Test(
    "one solution and one gradient by every solver and every accurate estimator",
    arguments: TestedSolver.defaults,
    TestedEstimator.accurate + TestedEstimator.everyStep)
  func anySolver(_ tested: TestedSolver, _ estimator: TestedEstimator) throws {
    var model = Self.model(.softplus)
    let weight = model.recurrence.weight.tensor
    let reference = try model(x)
    let expected = try #require(gradients(of: reference.square().sum())[weight])
    (model.solver, model.estimator) = (tested.solver, estimator.make(.init(tolerance: 1e-12)))
    let z = try model(x)
    #expect(difference(z, reference, relative: 1e-11) == nil)
    let gradient = try #require(gradients(of: z.square().sum())[weight])
    #expect(difference(gradient, expected, relative: 1e-9) == nil)
  }

  @Test("the gradient is that of the solution", arguments: [Activation.tanh, .silu])
  func gradient(_ activation: Activation) throws {
    try expectRightGradient(Self.model(activation), x)
  }

  @Test("weights start where the map contracts", arguments: [8, 32, 100])
  func start(_ width: Int) throws {
    for seed in 0..<5 {
      var random = Philox(seed: UInt64(seed))
      let norm = try DEQPerceptron(5, width, using: &random).spectralNorm()
      #expect(norm > 0.5 && norm < 1.05, "\(norm)")
    }
  }

  @Test func itIsALayer() throws {
    var random = Philox(seed: 6)
    let head = Linear(7, 2, using: &random)
    head.convertParameters(to: .float64)
    let model = Self.model()
    let sequence = Sequential(model, Dropout(0.5), head)
    #expect(
      sequence.namedParameters.map(\.name) == [
        "0.recurrence.weight", "0.injection.weight", "0.injection.bias", "2.weight", "2.bias",
      ])
    #expect(try sequence(x, in: .evaluation).scalars == head(model(x)).scalars)
  }
}
