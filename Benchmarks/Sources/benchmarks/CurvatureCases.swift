import ImplicitLayers
import Tensors

/// The gradient or a Hessian-vector product of L(W, x) = sum z^2 / 2 + c z, z = tanh(W z + x),
/// |W|_2 about 0.9: solves by Anderson acceleration and adjoints by GMRES, to a relative residual of
/// 1e-5.
///
/// - Parameters:
///   - width: n.
///   - batch: the number of samples.
///   - order: 1 for the gradient, 2 for the product with the Hessian.
/// - Returns: the case.
/// - Throws: what the solves throw.
func tanhCurvature(width: Int, batch: Int, order: Int) throws -> Case {
  let (tolerance, limit) = (1e-5, 100)
  var generator = Philox(seed: 42)
  let scale = 0.9 / (2 * Double(width).squareRoot())
  let weight = Tensor.normal([width, width], using: &generator) * scale
  let x = Tensor.normal([batch, width], using: &generator)
  let cotangent = Tensor.normal([batch, width], using: &generator)
  let directionOfWeight = Tensor.normal([width, width], using: &generator) * scale
  let directionOfX = Tensor.normal([batch, width], using: &generator)

  /// What is computed of some samples: one tensor for W and one for their x.
  @Sendable func work(_ range: Range<Int>, tolerance: Double) throws -> [Tensor] {
    let linear = cotangent.slice(range)
    let loss = { (points: [Tensor]) -> Tensor in
      let (weight, x) = (points[0], points[1])
      let z = try fixedPoint(
        from: .zeros(x.shape), using: .anderson(), estimator: .gmres(tolerance: tolerance),
        until: .tolerance(relative: tolerance, limit: limit)
      ) { z in (z.linear(weight) + x).tanh() }
      return (z.square() * 0.5 + z * linear).sum()
    }
    let points = [weight, x.slice(range)]
    return try withoutRecording {
      order == 1
        ? try gradient(at: points, of: loss)
        : try hessianVectorProduct(
          at: points, along: [directionOfWeight, directionOfX.slice(range)], of: loss)
    }
  }

  return Case {
    var exchange = Exchange()
    exchange.settings = ["tolerance": "\(tolerance)", "limit": "\(limit)"]
    exchange.add("in.weight", weight)
    exchange.add("in.x", x)
    exchange.add("in.cotangent", cotangent)
    exchange.add("in.direction_of_weight", directionOfWeight)
    exchange.add("in.direction_of_x", directionOfX)
    let found = try work(0..<batch, tolerance: 1e-6)
    exchange.add("out.grad.weight", found[0])
    exchange.add("out.grad.x", found[1])
    return exchange
  } round: {
    let parts = try Workers.mapRanges(of: batch) { try work($0, tolerance: tolerance) }
    _ = parts.dropFirst().reduce(parts[0][0]) { $0 + $1[0] }
  }
}
