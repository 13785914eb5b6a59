import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

private func linear(_ seed: UInt64) -> Linear {
  var generator = Philox(seed: seed)
  return Linear(2, 3, using: &generator)
}

private struct Tied: Module {
  let a: Linear
  let b: Linear
  let c: Linear
}

private struct Containers: Module {
  let parameters: [Parameter]
  let nested: [[Linear]]
  let optional: Linear?
  let none: [Linear?]
  let byName: [String: Parameter]
  let mixed: [any Module]?
  let sizes = [3, 4]
  let label: String? = "x"
}

/// The lazy property is written once, by the one thread that the test has; a class that others derive
/// from cannot be checked.
private class Base: Module, @unchecked Sendable {
  let inherited = Parameter(.zeros([1]))
  lazy var late = Parameter(.zeros([2]))
}

private final class Derived: Base, @unchecked Sendable {
  let own = Parameter(.zeros([3]))
}

private struct Plain {
  let inner: [Parameter?]
}

private struct Hiding: Module {
  let plain: Plain
}

private struct HidingInTuple: Module {
  let pair: (Int, Linear)
}

/// Every parameter that a module holds is found, or the module is refused.
@Suite struct ModuleStructureTests {
  @Test func containersAreGoneThrough() {
    var generator = Philox(seed: 9)
    let module = Containers(
      parameters: [Parameter(.zeros([1])), Parameter(.zeros([2]))],
      nested: [[linear(1)], [], [linear(2), linear(3)]], optional: linear(4), none: [nil],
      byName: ["value": Parameter(.zeros([3])), "key": Parameter(.zeros([4]))],
      mixed: [linear(5), Perceptron(2, hidden: 3, 4, using: &generator)])
    let layer = { (name: String) in ["\(name).weight", "\(name).bias"] }
    var expected = ["parameters.0", "parameters.1"]
    expected += ["nested.0.0", "nested.2.0", "nested.2.1", "optional"].flatMap(layer)
    expected += ["by_name.key", "by_name.value"]
    expected += ["mixed.0", "mixed.1.0", "mixed.1.2"].flatMap(layer)
    #expect(module.namedParameters.map(\.name) == expected)
    #expect(module.namedParameters.allSatisfy { $0.aliases.isEmpty })
  }

  @Test func inheritedAndLazyPropertiesAreFound() {
    let module = Derived()
    #expect(module.namedParameters.map(\.name) == ["inherited", "own"])
    #expect(module.late.shape == [2])
    #expect(module.namedParameters.map(\.name) == ["inherited", "late", "own"])
  }

  @Test func sharedParametersAreListedOnceWithAllNames() {
    let shared = linear(1)
    let module = Tied(a: shared, b: shared, c: linear(2))
    #expect(module.namedParameters.map(\.name) == ["a.weight", "a.bias", "c.weight", "c.bias"])
    #expect(module.namedParameters.map(\.aliases) == [["b.weight"], ["b.bias"], [], []])
    #expect(module.namedParameters[1].prefixed("net").names == ["net.a.bias", "net.b.bias"])
    #expect(module.parameterCount == 18)
  }

  @Test func aParameterWithoutANameStopsTheProcess() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Hiding(plain: Plain(inner: [nil, Parameter(.zeros([1]))])).namedParameters }
    let message = errorText(result)
    #expect(message.contains("Hiding.plain") && message.contains("inner.1"), "\(message)")
    let tuple = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = HidingInTuple(pair: (1, linear(1))).namedParameters }
    let other = errorText(tuple)
    #expect(other.contains("HidingInTuple.pair"), "\(other)")
  }
}
