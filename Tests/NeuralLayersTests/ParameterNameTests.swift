import NeuralLayers
import Tensors
import TestFolders
import Testing

private func linear(_ seed: UInt64) -> Linear {
  var generator = Philox(seed: seed)
  return Linear(2, 3, using: &generator)
}

/// Swift names on the left, published ones in checkpoints.
private struct Renamed: Module {
  let inputWeight = Parameter(.zeros([1]), name: "weight_ih")
  let gates: [Parameter] = [
    Parameter(.zeros([2]), name: "reset"), Parameter(.zeros([3])), Parameter(.zeros([4])),
  ]
  let attention = linear(1)
  let blocks = [linear(2), linear(3)]
  let heads = ["b": linear(4), "a": linear(5)]
  let optional: Linear? = nil

  static let parameterNames = [
    "attention": "self_attn", "blocks": "", "heads": "head", "optional": "never",
  ]
}

private struct Clashing: Module {
  let first = Parameter(.zeros([1]), name: "weight")
  let weight = Parameter(.zeros([1]))
}

private struct ClashingModules: Module {
  let a = linear(1)
  let b = linear(2)
  static let parameterNames = ["b": "a"]
}

private struct Misspelt: Module {
  let attention = linear(1)
  static let parameterNames = ["attension": "self_attn"]
}

@Suite struct ParameterNameTests {
  @Test("a parameter and a property have the names that they are given")
  func givenNames() {
    let names = Renamed().namedParameters.map(\.name)
    #expect(
      names == [
        "weight_ih", "reset", "gates.1", "gates.2", "self_attn.weight", "self_attn.bias",
        "0.weight", "0.bias", "1.weight", "1.bias", "head.a.weight", "head.a.bias",
        "head.b.weight", "head.b.bias",
      ])
  }

  @Test("a shared parameter has its given name below each module that holds it")
  func sharing() {
    struct Pair: Module {
      let a: Renamed
      let b: Renamed
    }
    let shared = Renamed()
    let entry = Pair(a: shared, b: shared).namedParameters[0]
    #expect(entry.names == ["a.weight_ih", "b.weight_ih"])
  }

  @Test("two parameters of one name are a mistake")
  func clashes() async {
    let parameters = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Clashing().namedParameters }
    #expect(
      errorText(parameters).contains(
        "two parameters of Clashing have the name 'weight'"))
    let modules = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = ClashingModules().namedParameters }
    #expect(
      errorText(modules).contains("ClashingModules have the name 'a.weight'"))
  }

  @Test("a name for what is no property is a mistake")
  func misspelling() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Misspelt().namedParameters }
    #expect(
      errorText(result).contains("'attension'")
        && errorText(result).contains("attention"))
    let empty = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Parameter(.zeros([1]), name: "") }
    #expect(errorText(empty).contains("not empty"))
  }
}
