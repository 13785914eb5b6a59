import ImplicitLayers
import ImplicitModels
import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct MonotoneLayerTests {
  /// With parameters so large that z -> max(W z + U x + b, 0) expands.
  private static func model(
    _ splitting: MonotoneLayer.Splitting = .peacemanRachford(), m: Double = 0.5
  ) -> MonotoneLayer {
    var random = Philox(seed: 1)
    var model = MonotoneLayer(
      3, 6, monotonicity: m, splitting: splitting, using: &random)
    model.convertParameters(to: .float64)
    model.dissipation.assign(testTensor([6, 6], seed: 2))
    model.rotation.assign(testTensor([6, 6], seed: 3, scale: 2))
    model.injection.bias?.assign(testTensor([6], seed: 4))
    model.stoppingRule = .tolerance(relative: 1e-13, limit: 20_000)
    return model
  }
  private static let splittings: [MonotoneLayer.Splitting] = [
    .peacemanRachford(), .peacemanRachford(step: 0.3), .forwardBackward(),
    .forwardBackward(step: 0.004),
  ]
  private let x = testTensor([4, 3], seed: 5, scale: 2)

  private func source(_ model: MonotoneLayer) throws -> Tensor {
    x.matmul(model.injection.weight.tensor.transposed())
      + (try #require(model.injection.bias)).tensor
  }

  @Test("I - W is at least m I, whatever A and B are", arguments: [0.1, 0.5, 1, 3])
  func parametrisation(_ m: Double) throws {
    let model = Self.model(m: m)
    for seed in 0..<5 {
      model.dissipation.assign(testTensor([6, 6], seed: 10 + seed, scale: 3))
      model.rotation.assign(testTensor([6, 6], seed: 20 + seed, scale: 30))
      let w = model.weight.detached()
      let symmetric = Tensor.identity(6, dtype: .float64) - (w + w.transposed()) / 2
      let least = try #require(try symmetric.symmetricEigen().values.scalars.first)
      #expect(least >= m - 1e-12)
      let (a, b) = (model.dissipation.tensor.detached(), model.rotation.tensor.detached())
      let expected =
        (1 - m) * Tensor.identity(6, dtype: .float64)
        - a.transposed().matmul(a) + b - b.transposed()
      #expect(difference(w, expected, relative: 1e-14) == nil)
    }
  }

  @Test(
    "one solution from two starts and by every splitting, where plain iteration runs away",
    arguments: splittings)
  func uniqueness(_ splitting: MonotoneLayer.Splitting) throws {
    let model = Self.model(splitting)
    let c = try source(model)
    let injection = try model.inject(x)
    let solutions = try [testTensor([4, 6], seed: 6, scale: 20), .zeros([4, 6], dtype: .float64)]
      .map {
        try model.solve(injection: injection, from: .init(tensors: [$0])).converged().equilibrium
      }
    #expect(difference(solutions[0], solutions[1], relative: 1e-10) == nil)
    let w = model.weight.detached()
    let plain = { (z: Tensor) in (z.matmul(w, transposingOther: true) + c.detached()).relu() }
    #expect(difference(plain(solutions[0]), solutions[0], relative: 1e-10) == nil)
    // Some of each: the rectifier matters.
    let positive = solutions[0].scalars.filter { $0 > 0 }.count
    #expect(positive > 4 && positive < 20)
    var z = solutions[0] + 1e-6
    for _ in 0..<200 { z = plain(z) }
    #expect(!((z - solutions[0]).largestMagnitude < 1), "plain iteration would have done")
    let other = try Self.model(.peacemanRachford(step: 2))(x, in: .evaluation)
    #expect(difference(solutions[0], other, relative: 1e-10) == nil)
  }

  @Test("the gradient is that of the solution", arguments: splittings)
  func gradient(_ splitting: MonotoneLayer.Splitting) throws {
    let model = Self.model(splitting)
    let v = testTensor([4, 6], seed: 7)
    let table = try model.gradient { (try model(x, in: .evaluation) * v).sum() }
    for entry in model.namedParameters {
      let slope = try #require(table[entry.parameter.tensor])
      let value = entry.parameter.tensor.detached()
      let direction = testTensor(value.shape, seed: 8)
      let sides = try [1e-5, -1e-5].map { step -> Double in
        entry.parameter.assign(value + direction * step)
        defer { entry.parameter.assign(value) }
        return try (model(x, in: .evaluation) * v).sum().scalar
      }
      let (exact, numerical) = ((slope * direction).sum().scalar, (sides[0] - sides[1]) / 2e-5)
      #expect(abs(exact - numerical) <= 1e-7 * max(1, abs(exact)), "\(entry.name)")
    }
    let inputs = try gradientDifference([x]) { try model($0[0], in: .evaluation) }
    #expect(inputs == nil)
    try expectRightGradient(model, x)
  }

  @Test("second derivatives are those of the gradient")
  func secondDerivative() throws {
    let model = Self.model()
    let loss = { (x: Tensor) in try model(x, in: .evaluation).square().sum() }
    let curvature = try gradientDifference([x], tolerance: 1e-6) { x in
      try Tensors.gradient(at: x[0], of: loss)
    }
    #expect(curvature == nil)
    // Along A, the inverse is differentiated twice.
    let direction = testTensor([6, 6], seed: 9)
    let (a, value) = (model.dissipation, model.dissipation.tensor.detached())
    let products = try model.hessianVectorProduct(along: Gradients(direction, of: a)) {
      try loss(x)
    }
    let exact = try #require(products[a.tensor])
    let sides = try [1e-5, -1e-5].map { step -> Tensor in
      a.assign(value + direction * step)
      defer { a.assign(value) }
      return try #require(model.gradient { try loss(x) }[a.tensor])
    }
    let numerical = (sides[0] - sides[1]) / 2e-5
    #expect(difference(exact, numerical, relative: 1e-6, absolute: 1e-8) == nil)
  }

  @Test(arguments: zip(solvers, estimators))
  func anySolver(_ solver: any ForwardSolver, _ estimator: any BackwardEstimator) throws {
    var model = Self.model()
    let reference = try model(x, in: .evaluation)
    let expected = try #require(gradients(of: reference.square().sum())[model.rotation.tensor])
    (model.solver, model.estimator) = (solver, estimator)
    let z = try model(x, in: .evaluation)
    #expect(difference(z, reference, relative: 1e-9) == nil)
    let gradient = try #require(gradients(of: z.square().sum())[model.rotation.tensor])
    #expect(difference(gradient, expected, relative: 1e-8) == nil)
  }

  @Test("parameters have the paper's letters")
  func names() {
    #expect(
      Self.model().namedParameters.map(\.name) == ["A", "B", "U.weight", "U.bias"])
  }

  @Test func withoutMonotonicityItIsAMistake() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var random = Philox(seed: 1)
      _ = MonotoneLayer(2, 3, monotonicity: 0, using: &random)
    }
    let message = errorText(result)
    #expect(message.contains("a positive m, not 0"))
  }
}

extension Gradients {
  fileprivate init(_ tensor: Tensor, of parameter: Parameter) {
    self.init()
    self[parameter.tensor] = tensor
  }
}
