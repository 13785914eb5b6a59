import ImplicitLayers
import Tensors

/// The layer z = tanh(W z + x), |W|_2 about 0.9, to a relative residual of 1e-5, and back through
/// the adjoint iteration to the same tolerance.
///
/// - Parameters:
///   - width: n.
///   - batch: the number of samples.
///   - solver: for both iterations.
/// - Returns: the case.
/// - Throws: what the solves throw.
func tanhEquilibrium(width: Int, batch: Int, by solver: any ForwardSolver) throws -> Case {
  let (tolerance, limit) = (1e-5, 100)
  var generator = Philox(seed: 40)
  // The norm of a square matrix of normal numbers is about 2 sqrt(width).
  let weight =
    (Tensor.normal([width, width], using: &generator)
    * (0.9 / (2 * Double(width).squareRoot()))).variable()
  let x = Tensor.normal([batch, width], using: &generator).variable()
  let cotangent = Tensor.normal([batch, width], using: &generator)

  @Sendable func work(
    _ range: Range<Int>, tolerance: Double
  ) throws -> (z: Tensor, table: Gradients) {
    let part = x.slice(range)
    let z = try fixedPoint(
      from: .zeros(part.shape), using: solver,
      estimator: .iterative(solver, tolerance: tolerance, limit: limit),
      until: .tolerance(relative: tolerance, limit: limit)
    ) { z in (z.linear(weight) + part).tanh() }
    return (z, try gradients(of: z, cotangent: cotangent.slice(range)))
  }

  return Case {
    var exchange = Exchange()
    exchange.settings = ["tolerance": "\(tolerance)", "limit": "\(limit)"]
    exchange.add("in.weight", weight)
    exchange.add("in.x", x)
    exchange.add("in.cotangent", cotangent)
    let (z, table) = try work(0..<batch, tolerance: 1e-6)
    exchange.add("out.z", z)
    exchange.add("out.grad.weight", table[weight] ?? weight.zerosLike())
    exchange.add("out.grad.x", table[x] ?? x.zerosLike())
    return exchange
  } round: {
    var table = Gradients()
    for part in try Workers.mapRanges(of: batch, { try work($0, tolerance: tolerance).table }) {
      table.add(part)
    }
  }
}

/// The exact adjoint of that layer at a given point: Jacobians and LU factorisations.
func exactAdjoint(width: Int, batch: Int) throws -> Case {
  var generator = Philox(seed: 41)
  let weight =
    Tensor.normal([width, width], using: &generator) * (0.9 / (2 * Double(width).squareRoot()))
  let x = Tensor.normal([batch, width], using: &generator)
  let z = Tensor.normal([batch, width], using: &generator).tanh()
  let v = Tensor.normal([batch, width], using: &generator)

  @Sendable func work(_ range: Range<Int>) throws -> Tensor {
    let part = x.slice(range)
    let (_, pullback) = valueWithPullback(at: z.slice(range)) { z in
      (z.linear(weight) + part).tanh()
    }
    return try ExactAdjoint().adjoint(of: v.slice(range), through: pullback)
  }

  return Case {
    var exchange = Exchange()
    exchange.add("in.weight", weight)
    exchange.add("in.x", x)
    exchange.add("in.z", z)
    exchange.add("in.cotangent", v)
    exchange.add("out.adjoint", try work(0..<batch))
    return exchange
  } round: {
    _ = try Workers.mapRanges(of: batch) { try work($0) }
  }
}
