import Collectives
import Foundation
import ImplicitLayers
import Tensors

/// c u - div(k(u) grad u) = s on the unit square, u = 0 on its border, with k(u) = 1 + a u^2.
///
/// `size` x `size` unknowns at the inner points of a grid; each rank has a strip of its rows, [1, rows, size].
/// Through the edge between two points flows the difference of their u times the mean of their k.
struct Diffusion {
  let ranks: Communicator
  /// Unknowns on a side.
  let size: Int
  /// c: with c = 1 / dt, the equation of a step dt in time.
  let reaction: Double

  /// The rows that this rank has.
  var rows: Range<Int> { ranks.share(of: size) }
  /// The distance of neighbours.
  var h: Double { 1 / Double(size + 1) }

  /// The values of a function at the points of this rank.
  func values(_ function: (_ x: Double, _ y: Double) -> Double) -> Tensor {
    let numbers = rows.flatMap { row in
      (0..<size).map { function(Double($0 + 1) * h, Double(row + 1) * h) }
    }
    return Tensor(numbers, shape: [1, rows.count, size], dtype: .float64)
  }

  // snippet.map
  /// s - c u + div(k(u) grad u), times h^2.
  func residual(_ u: Tensor, source s: Tensor, conductivity a: Tensor) throws -> Tensor {
    let (count, border) = (rows.count, Tensor.zeros([1, rows.count, 1], dtype: u.dtype))
    let tall = try ranks.addingHalos(to: u)  // [1, count + 2, size]
    let wide = Tensor.concatenated([border, u, border], alongAxis: 2)
    let through = flow(tall, along: 1, a), across = flow(wide, along: 2, a)
    let divergence =
      through.slice(1..<count + 1, alongAxis: 1) - through.slice(0..<count, alongAxis: 1)
      + across.slice(1..<size + 1, alongAxis: 2) - across.slice(0..<size, alongAxis: 2)
    return divergence + (s - u * reaction) * (h * h)
  }

  /// The fixed point of u + r(u) / d, d about the largest slope of r.
  func solution(
    source s: Tensor, conductivity a: Tensor,
    using solver: any ForwardSolver = .anderson(depth: 10), tolerance: Double = 1e-13,
    dimension: Int = 60
  ) throws -> Tensor {
    let slope = 4 * (1 + a.detached().scalar) + reaction * h * h
    return try ranks.withShardedStates {
      try fixedPoint(
        from: s.detached().zerosLike(), using: solver,
        estimator: .gmres(tolerance: tolerance * 10, dimension: dimension, limit: 5000),
        until: .tolerance(relative: tolerance, limit: 5000)
      ) { u in
        try u + residual(u, source: s, conductivity: a) / slope
      }
    }
  }
  // snippet.end

  /// What flows between neighbours along an axis, one less than there are points.
  private func flow(_ u: Tensor, along axis: Int, _ a: Tensor) -> Tensor {
    let edges = u.shape[axis] - 1
    let k = u.square() * a + 1
    func first(_ t: Tensor) -> Tensor { t.slice(0..<edges, alongAxis: axis) }
    func second(_ t: Tensor) -> Tensor { t.slice(1..<edges + 1, alongAxis: axis) }
    return (first(k) + second(k)) * (second(u) - first(u)) * 0.5
  }

  // snippet.gradient
  /// The mean square of u - 1/2, and its derivatives: by this rank's part of s, and by a.
  func loss(
    source: Tensor, conductivity: Double, using solver: any ForwardSolver = .anderson(depth: 10),
    tolerance: Double = 1e-13, dimension: Int = 60
  ) throws -> (solution: Tensor, loss: Double, bySource: Tensor, byConductivity: Double) {
    let (s, a) = (source.variable(), Tensor(conductivity, dtype: source.dtype).variable())
    let u = try solution(
      source: s, conductivity: a, using: solver, tolerance: tolerance, dimension: dimension)
    let part = (u - 0.5).square().sum() / Double(size * size)  // this rank's part of the mean
    let table = try gradients(of: part)
    return (
      u.detached(), ranks.sum(part.scalar), table[s] ?? s.zerosLike(),  // s is this rank's alone
      ranks.sum(table[a]?.scalar ?? 0)  // a is everybody's
    )
  }
  // snippet.end

  /// u = sin(pi x) sin(pi y) at the points of this rank.
  var exactSolution: Tensor { values { sin(.pi * $0) * sin(.pi * $1) } }

  /// The s of which that is the solution, with a given a.
  func exactSource(_ a: Double) -> Tensor {
    values { x, y in
      let u = sin(.pi * x) * sin(.pi * y)
      let slopes = (cos(.pi * x) * sin(.pi * y), sin(.pi * x) * cos(.pi * y))
      let square = .pi * .pi * (slopes.0 * slopes.0 + slopes.1 * slopes.1)
      return reaction * u + (1 + a * u * u) * 2 * .pi * .pi * u - 2 * a * u * square
    }
  }
}
