import NeuralLayers
import Tensors
import TestFolders
import Testing
import Training

/// One optimiser and several modules.
@Suite struct SharedOptimizerTests {
  @Test("two modules whose parameters have the same names do not share an optimiser")
  func sameNames() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let (one, other) = (SineModel(), SineModel())
      var optimizer = Adam()
      optimizer.step(one, gradients: try gradients(of: one.loss()))
      optimizer.step(other, gradients: try gradients(of: other.loss()))
    }
    #expect(
      errorText(result).contains("another parameter of the name 'weight'"))
    #expect(errorText(result).contains("an optimiser of its own"))
  }

  @Test("a module that is gone is not taken for the next one of its names")
  func gone() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var optimizer = SGD(rate: 0.1)
      for _ in 0..<2 {
        let model = SineModel()
        optimizer.step(model, gradients: try gradients(of: model.loss()))
      }
    }
    #expect(
      errorText(result).contains("another parameter of the name 'weight'"))
    // It keeps no tensors.
    #expect(errorText(result).contains("at least the count of steps"))
  }

  @Test("a list with two parameters of one name stops before its first step")
  func twiceInAList() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let (a, b) = (Parameter(.ones([2])), Parameter(.ones([2])))
      var optimizer = Adam()
      let table = try gradients(of: (a.tensor + b.tensor.square()).sum())
      optimizer.step([NamedParameter("w", a), NamedParameter("w", b)], gradients: table)
    }
    #expect(
      errorText(result).contains(
        "two parameters of this list have the name 'w'"))
    #expect(!errorText(result).contains("has stepped"))
  }

  @Test("restored, an optimiser belongs to the module that it was restored for")
  func restored() async throws {
    let (one, other) = (SineModel(), SineModel())
    var optimizer = Adam(rate: 0.01)
    try one.train(&optimizer, steps: 3)
    let checkpoint = Checkpoint(of: one, optimizer: optimizer)
    try checkpoint.restore(other)
    var continued = optimizer
    try checkpoint.restore(&continued, for: other)
    try one.train(&optimizer, steps: 2)
    try other.train(&continued, steps: 2)
    #expect(one.values == other.values)
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let (one, other) = (SineModel(), SineModel())
      var optimizer = Adam()
      optimizer.step(one, gradients: try gradients(of: one.loss()))
      try Checkpoint(of: one, optimizer: optimizer).restore(&optimizer, for: other)
      optimizer.step(one, gradients: try gradients(of: one.loss()))
    }
    #expect(
      errorText(result).contains("another parameter of the name 'weight'"))
  }

  @Test("modules whose names differ move as with an optimiser each")
  func otherNames() throws {
    func named(_ model: SineModel, _ prefix: String) -> [NamedParameter] {
      model.namedParameters.map { $0.prefixed(prefix) }
    }
    let (a, b, alone) = (SineModel(), SineModel(), SineModel())
    var (both, one) = (Adam(rate: 0.01), Adam(rate: 0.01))
    for _ in 0..<3 {
      both.step(named(a, "a"), gradients: try gradients(of: a.loss()))
      both.step(named(b, "b"), gradients: try gradients(of: b.loss()))
      one.step(alone, gradients: try gradients(of: alone.loss()))
    }
    #expect(a.values == alone.values && b.values == alone.values)
  }

  @Test("a checkpoint refuses parameters that have the names of its own entries")
  func reservedNames() async throws {
    let average = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      struct Model: Module {
        let average = SineModel()
      }
      _ = Checkpoint(of: Model())
    }
    #expect(errorText(average).contains("'average.weight' cannot be written"))
    #expect(
      errorText(average).contains("parameterNames = [\"average\": \"NAME\"]"))
    let optimizer = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      struct Model: Module {
        let optimizer = SineModel()
      }
      _ = Checkpoint(of: Model())
    }
    #expect(
      errorText(optimizer).contains("'optimizer.weight' cannot be written"))
    // What the message says is enough, and only beginnings count.
    struct Renamed: Module {
      let average = SineModel(), averages = SineModel(), inner = Inner()
      struct Inner: Module {
        let optimizer = SineModel()
      }
      static let parameterNames = ["average": "mean"]
    }
    let (model, other) = (Renamed(), Renamed())
    var adam = Adam()
    try model.average.train(&adam, steps: 1)
    let checkpoint = Checkpoint(of: model, average: ExponentialMovingAverage(of: model))
    #expect(
      checkpoint.shapes.keys.sorted() == model.namedParameters.map(\.name).sorted()
        && checkpoint.shapes["mean.weight"] == [3, 4])
    try checkpoint.restore(other)
    #expect(other.average.values == model.average.values)
  }
}
