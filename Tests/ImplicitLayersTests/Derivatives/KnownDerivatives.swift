import Foundation
import Tensors
import TestSupport
import Testing

/// Solutions whose derivatives to third order are known, and both ways to take them.
enum KnownDerivatives {
  /// The derivatives of the sum of f at x of the orders 1, 2, ..., each elementwise.
  static func reverse(
    upTo order: Int, at x: Tensor, _ f: (Tensor) throws -> Tensor
  ) throws -> [Tensor] {
    let x = x.variable()
    var y = try f(x)
    return try (0..<order).map { _ in
      y = try #require(try gradients(of: y.sum(), creatingGraph: true)[x])
      return y.detached()
    }
  }

  /// The derivatives of f along a direction of ones, of the orders 1, 2, ..., by products J s of
  /// products J s.
  static func forward(
    upTo order: Int, at x: Tensor, _ f: @escaping (Tensor) throws -> Tensor
  ) throws -> [Tensor] {
    let ones = Tensor.ones(x.shape, dtype: x.dtype)
    var derivative = f
    return try (0..<order).map { _ in
      let former = derivative
      derivative = { x in try jvp(at: x, along: ones, of: former).derivative }
      return try derivative(x).detached()
    }
  }

  /// Those of z = cos(theta z) at theta = 1, by 60 digits of differentiation of Newton's solution.
  static func expectCosine(_ found: [Tensor], _ name: String) {
    let expected = [
      -0.297474341509832260557941, 0.1533378913143361400185109, 0.1078816812601054251182589,
    ]
    #expect(found.count == 3)
    for (value, exact) in zip(found, expected) {
      #expect(abs(value.scalar - exact) < 1e-11, "\(name)")
    }
  }

  /// Orbits at which Kepler's equation is differentiated.
  static let orbits = KeplerBatch(eccentricities: [0.1, 0.5, 0.9], anomalies: [1, 2, 0.7])

  /// With q = 1 - e cos E: E' = 1/q, E'' = -e sin E / q^3,
  /// E''' = -e cos E / q^4 + 3 e^2 sin^2 E / q^5, all by M.
  static func expectKepler(_ found: [Tensor], _ name: String) {
    let expected = zip(orbits.eccentricities, orbits.anomalies).map { e, big in
      let (q, s, c) = (1 - e * cos(big), e * sin(big), e * cos(big))
      return [1 / q, -s / pow(q, 3), -c / pow(q, 4) + 3 * s * s / pow(q, 5)]
    }
    for order in 0..<3 {
      #expect(
        difference(found[order].scalars, expected.map { $0[order] }, relative: 1e-10) == nil,
        "\(name), order \(order + 1)")
    }
  }
}
