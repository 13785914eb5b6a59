import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct OperatorGradientTests {
  @Test("VJP equals central differences", arguments: HigherDerivativeTests.table)
  func vectorJacobianProduct(_ operation: OperatorCase) throws {
    #expect(try gradientDifference(operation.inputs, of: operation.function) == nil)
  }

  /// A rule is told which of its inputs matter; what it leaves out must not change the rest.
  @Test(
    "the gradient of one input does not depend on the others being variables",
    arguments: allOperators)
  func gradientOfOneInput(_ operation: OperatorCase) throws {
    let variables = operation.inputs.map { $0.variable() }
    let output = try operation.function(variables)
    let cotangent = testTensor(output.shape, seed: 77)
    let together = try gradients(of: output, cotangent: cotangent)
    for (position, variable) in variables.enumerated() {
      var inputs = operation.inputs
      inputs[position] = variable
      let alone = try gradients(of: operation.function(inputs), cotangent: cotangent)
      #expect(alone.count == 1)
      #expect(
        try difference(
          #require(alone[variable]), #require(together[variable]), absolute: 1e-14) == nil,
        "input \(position)")
    }
  }

  /// d/dx of |dL/dx|^2: the rules are themselves differentiated.
  @Test(
    "second derivatives equal central differences of gradients",
    arguments: allOperators)
  func secondDerivative(_ operation: OperatorCase) throws {
    let squaredGradient = { (inputs: [Tensor]) throws -> Tensor in
      let variables = inputs.map { $0.isRecorded ? $0 : $0.variable() }
      let output = try operation.function(variables)
      let loss = (output.square() * testTensor(output.shape, seed: 5)).sum()
      let table = try gradients(of: loss, creatingGraph: true)
      return try variables.map { try #require(table[$0]).square().sum() }
        .reduce(Tensor(0, dtype: .float64), +)
    }
    let variables = operation.inputs.map { $0.variable() }
    let table = try gradients(of: squaredGradient(variables))
    for (position, input) in operation.inputs.enumerated() {
      let base = input.scalars
      let numerical = try base.indices.map { index -> Double in
        let sides = try [1e-5, -1e-5].map { step -> Double in
          var moved = base
          moved[index] += step
          var arguments = operation.inputs
          arguments[position] = Tensor(moved, shape: input.shape, dtype: .float64)
          return try squaredGradient(arguments).scalar
        }
        return (sides[0] - sides[1]) / 2e-5
      }
      let gradient = try #require(table[variables[position]])
      #expect(
        difference(gradient.scalars, numerical, relative: 1e-6, absolute: 1e-6) == nil,
        "input \(position)")
    }
  }

  @Test(
    "a fused operator equals its composition",
    arguments: fusedOperators + recordedCompositions + imageOperators)
  func composition(_ operation: OperatorCase) throws {
    let composition = try #require(operation.composition)
    let variables = operation.inputs.map { $0.variable() }
    let (fused, composed) = (try operation.function(variables), try composition(variables))
    #expect(difference(fused, composed, relative: 1e-13) == nil)
    let cotangent = testTensor(fused.shape, seed: 78)
    let table = try gradients(of: fused, cotangent: cotangent)
    let expected = try gradients(of: composed, cotangent: cotangent)
    for (position, variable) in variables.enumerated() {
      #expect(
        try difference(
          #require(table[variable]), #require(expected[variable]), relative: 1e-12,
          absolute: 1e-14) == nil,
        "input \(position)")
    }
  }

  @Test(
    "single precision agrees with double",
    arguments: allOperators)
  func singlePrecision(_ operation: OperatorCase) throws {
    let run = { (dtype: DType) throws -> [Tensor] in
      let variables = operation.inputs.map { $0.converted(to: dtype).variable() }
      let output = try operation.function(variables)
      #expect(output.dtype == dtype)
      let table = try gradients(
        of: output, cotangent: testTensor(output.shape, seed: 79, dtype: dtype))
      return [output.detached()] + (try variables.map { try #require(table[$0]) })
    }
    for (single, double) in zip(try run(.float32), try run(.float64)) {
      #expect(single.dtype == .float32)
      #expect(difference(single, double, relative: 2e-6) == nil)
    }
  }

  @Test func aConvertedTensorKeepsItsGradientsDType() throws {
    let x = testTensor([2, 3], seed: 8).variable()
    let gradient = try #require(gradients(of: x.converted(to: .float32).square().sum())[x])
    #expect(gradient.dtype == .float64)
    #expect(difference(gradient, x.detached() * 2, absolute: 2e-7) == nil)
    #expect(difference(gradient, x.detached() * 2) != nil, "the path leads through float32")
    #expect(x.converted(to: .float64).isRecorded)
  }

  @Test(
    "element i of a permuted tensor comes from the permuted position",
    arguments: [
      ([2, 3, 5], [0, 2, 1]), ([2, 3, 5], [2, 0, 1]), ([2, 3, 5], [1, 0, 2]), ([19, 37], [1, 0]),
      ([1, 4, 1, 5], [2, 1, 3, 0]), ([1, 4, 1, 5], [2, 3, 1, 0]), ([2, 3, 4, 5], [3, 1, 0, 2]),
    ])
  func permutedElements(_ extents: [Int], _ order: [Int]) {
    let count = extents.reduce(1, *)
    let result = Tensor((0..<count).map(Double.init), shape: Shape(extents), dtype: .float64)
      .permuted(order)
    let expected = (0..<count).map { index -> Double in
      var (rest, position) = (index, [Int](repeating: 0, count: extents.count))
      for axis in order.reversed() {
        position[axis] = rest % extents[axis]
        rest /= extents[axis]
      }
      return Double(zip(extents, position).reduce(0) { $0 * $1.0 + $1.1 })
    }
    #expect(result.shape == Shape(order.map { extents[$0] }))
    #expect(result.scalars == expected)
  }

  @Test func slotAttentionIsWhatSlotMeansWeighs() {
    let queries = testTensor([2, 3, 4], seed: 19)
    let inputs = testTensor([2, 4, 5], seed: 20)
    for scale in [1, 0.5] {
      let attention = Tensor.slotAttention(
        queries: queries, inputsTransposed: inputs, scale: scale)
      #expect(
        difference(
          attention, Composed.slotAttention(queries, inputs, scale: scale), absolute: 1e-14) == nil)
      let sums = attention.sum(alongAxis: 1)
      #expect(difference(sums, .ones([2, 5], dtype: .float64), absolute: 1e-14) == nil)
    }
  }
}
