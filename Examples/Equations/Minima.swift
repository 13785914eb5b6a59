import ImplicitLayers
import Tensors

/// Docs/HowTo/MinimiseSomething.md.
func minimise() throws {
  // snippet.minimum
  /// Two valleys, one for each sample, whose ends are at (a, a^2).
  func rosenbrock(_ x: Tensor, _ a: Tensor) -> Tensor {
    let (u, v) = (x.slice(0..<1, alongAxis: 1), x.slice(1..<2, alongAxis: 1))
    return ((v - u.square()).square() * 100 + (a - u).square()).sum(alongAxis: 1)
  }
  let a = Tensor([1, 1.5], shape: [2, 1], dtype: .float64).variable()
  let start = Tensor([-1.2, 1, -1.2, 1], shape: [2, 2], dtype: .float64)
  let x = try minimum(of: { x in rosenbrock(x, a) }, from: start)
  print("least at:", numbers(x.scalars))
  print("d(u + v)/da:", numbers(try gradients(of: x.sum())[a]!.scalars))
  // snippet.end

  // snippet.curvature
  let wells = { (x: Tensor) in (x.square() - 1).square().sum(alongAxis: 1) }
  for start in [-0.2, 0, 0.2] {
    let x = try minimum(of: wells, from: .full(start, [1, 1], dtype: .float64))
    let bend = try hessian(at: x) { x in wells(x).sum() }
    print("from \(start):", numbers(x.scalars), "where the loss bends by", numbers(bend.scalars))
  }
  // snippet.end

  // snippet.box
  let pull = Tensor([3, -0.5, 1], shape: [1, 3], dtype: .float64).variable()
  let inside = try minimum(
    of: { x in (x - pull).square().sum(alongAxis: 1) + x.sum(alongAxis: 1).square() },
    over: .box(-1, 1), from: .zeros([1, 3], dtype: .float64))
  print("in the box:", numbers(inside.scalars))
  print("moves with:", numbers(try gradients(of: inside.sum())[pull]!.scalars))
  // snippet.end

  // snippet.set
  /// All points of the line through 0 along a direction: the projection is (x d) d / |d|^2.
  func line(along d: Tensor) -> ConvexSet {
    ConvexSet { x in
      (x * d).sum(alongAxis: 1, keepingAxis: true) * d / d.square().sum()
    }
  }
  let direction = Tensor([3, 4], shape: [1, 2], dtype: .float64)
  let onLine = try minimum(
    of: { x in (x - 1).square().sum(alongAxis: 1) }, over: line(along: direction),
    from: direction)
  print("on the line:", numbers(onLine.scalars))
  // snippet.end
}
