import Tensors
import TestSupport
import Testing

/// Derivatives of every operator to the third order, and in both directions.
///
/// Each order is compared with central differences of the one below. With the differences of fourth
/// order at step h the error is h^4 / 30 times the derivative four orders further on, here below 1e-12,
/// and the rounding of what is differenced, some hundred units of it, divided by h: a few 1e-10.
@Suite struct HigherDerivativeTests {
  static let table = allOperators + RandomOperator.cases

  private static let step = 2e-4
  private static let tolerance = 1e-9

  /// The sum of c (y + y^2 / 2 + y^3 / 6): no derivative of a linear operator vanishes.
  private func loss(_ operation: OperatorCase) -> ([Tensor]) throws -> Tensor {
    { inputs in
      let y = try operation.function(inputs)
      let bent = y + y.square() / 2 + y * y.square() / 6
      return (bent * testTensor(y.shape, seed: 91)).sum()
    }
  }

  private func directions(_ operation: OperatorCase, seed: Int) -> [Tensor] {
    operation.inputs.enumerated().map { testTensor($1.shape, seed: seed + $0) }
  }

  /// The derivative of `f` along `directions` by differences of fourth order.
  private func numerical(
    at inputs: [Tensor], along directions: [Tensor], of f: ([Tensor]) throws -> [Tensor]
  ) throws -> [Tensor] {
    func moved(_ factor: Double) throws -> [Tensor] {
      try f(zip(inputs, directions).map { $0 + $1 * (factor * Self.step) })
    }
    let (near, far) = (zip(try moved(1), try moved(-1)), zip(try moved(2), try moved(-2)))
    return zip(near, far).map { near, far in
      ((near.0 - near.1) * 8 - (far.0 - far.1)) / (12 * Self.step)
    }
  }

  private func expectEqual(
    _ exact: [Tensor], _ numerical: [Tensor], below: [Tensor], _ order: String
  ) {
    let scale = (below + numerical).map(\.largestMagnitude).max() ?? 0
    for (position, pair) in zip(exact, numerical).enumerated() {
      #expect(
        difference(pair.0, pair.1, absolute: Self.tolerance * max(scale, 1)) == nil,
        "\(order) derivative, input \(position)")
    }
  }

  @Test("each derivative is that of the one below", arguments: table)
  func orders(_ operation: OperatorCase) throws {
    let (x, f) = (operation.inputs, loss(operation))
    let (s, t) = (directions(operation, seed: 51), directions(operation, seed: 61))

    let first = try gradient(at: x, of: f)
    let slopes = try numerical(at: x, along: s) { [try f($0)] }
    let slope = zip(first, s).map { ($0 * $1).sum() }.reduce(Tensor(0, dtype: .float64), +)
    expectEqual([slope], slopes, below: [try f(x)], "first")

    let second = try hessianVectorProduct(at: x, along: s, of: f)
    expectEqual(
      second, try numerical(at: x, along: s) { try gradient(at: $0, of: f) }, below: first,
      "second")

    // The gradient of <H s, t> is the third derivative along s and t, and so is H s along t.
    let third = try gradient(at: x) { x in
      zip(try hessianVectorProduct(at: x, along: s, of: f), t).map { ($0 * $1).sum() }
        .reduce(Tensor(0, dtype: .float64), +)
    }
    let differences = try numerical(at: x, along: t) {
      try hessianVectorProduct(at: $0, along: s, of: f)
    }
    expectEqual(third, differences, below: second, "third")
  }

  @Test("forward and reverse are transposes", arguments: table)
  func transposition(_ operation: OperatorCase) throws {
    let (x, f) = (operation.inputs, operation.function)
    let s = directions(operation, seed: 71)
    let (value, forward) = try jvp(at: x, along: s, of: f)
    let v = testTensor(value.shape, seed: 81)
    let back = try valueWithPullback(at: x, of: f).pullback(v)
    let left = (v * forward).sum().scalar
    let right = zip(back, s).reduce(0) { $0 + ($1.0 * $1.1).sum().scalar }
    let scale = zip(back, s).reduce(1) { $0 + ($1.0 * $1.1).abs().sum().scalar }
    #expect(abs(left - right) <= 1e-12 * scale, "\(left) and \(right)")
  }

  @Test("the gradient's derivative is the same forward and in reverse", arguments: table)
  func secondDerivativeBothWays(_ operation: OperatorCase) throws {
    let (x, f) = (operation.inputs, loss(operation))
    let s = directions(operation, seed: 72)
    let back = try hessianVectorProduct(at: x, along: s, of: f)
    for position in x.indices {
      let forward = try jvp(at: x, along: s) { try gradient(at: $0, of: f)[position] }.derivative
      #expect(
        difference(forward, back[position], relative: 1e-11, absolute: 1e-11) == nil,
        "input \(position)")
    }
  }
}
