import ImplicitLayers
import Tensors

/// Docs/Tutorials/BeyondFixedPoints.md.
func beyondFixedPoints() throws {
  // snippet.root
  let a = Tensor([2, 10, 30], shape: [3, 1], dtype: .float64).variable()
  let x = try root(of: { x in x * x * x + x - a }, from: .ones([3, 1], dtype: .float64))
  print("x:", numbers(x.scalars))
  // snippet.end

  // snippet.root-derivatives
  let slope = try gradients(of: x.sum(), creatingGraph: true)[a]!
  let bend = try gradients(of: slope.sum())[a]!
  let exact = x.scalars.map { 1 / (3 * $0 * $0 + 1) }
  print("dx/da:", numbers(slope.scalars), "and in closed form:", numbers(exact))
  print("d2x/da2:", numbers(bend.scalars))
  // snippet.end

  // snippet.minimum
  let data = Tensor([1, 2, 3, 4, 100], shape: [1, 5], dtype: .float64).variable()
  let middle = try minimum(
    of: { m in ((data - m).square() + 1).sqrt().sum(alongAxis: 1) },
    from: .zeros([1, 1], dtype: .float64))
  print("robust middle:", numbers(middle.scalars))
  print("influence:", numbers(try gradients(of: middle.sum())[data]!.scalars))
  // snippet.end

  // snippet.projection
  let scores = Tensor([0.9, 0.4, -0.3], shape: [1, 3], dtype: .float64).variable()
  let p = try minimum(
    of: { p in (p - scores).square().sum(alongAxis: 1) }, over: .simplex,
    from: .full(1.0 / 3, [1, 3], dtype: .float64))
  print("nearest probabilities:", numbers(p.scalars))
  let first = try gradients(of: p.slice(0..<1, alongAxis: 1))[scores]!
  print("of the first, by scores:", numbers(first.scalars))
  // snippet.end

  // snippet.constraints
  let faces = Tensor([1, 2, 3, 4, 5, 6], shape: [1, 6], dtype: .float64)
  let mean = Tensor([4.5], shape: [1, 1], dtype: .float64).variable()
  let die = try minimum(
    of: { p in (p * p.log()).sum(alongAxis: 1) },
    subjectTo: { p in
      Tensor.concatenated(
        [
          p.sum(alongAxis: 1, keepingAxis: true) - 1,
          (p * faces).sum(alongAxis: 1, keepingAxis: true) - mean,
        ], alongAxis: 1)
    }, from: .full(1.0 / 6, [1, 6], dtype: .float64))
  print("a die of mean 4.5:", numbers(die.x.scalars))
  print("multipliers:", numbers(die.multipliers.scalars))
  let sixes = try gradients(of: die.x.slice(5..<6, alongAxis: 1))[mean]!
  print("d p(6) / d mean:", numbers(sixes.scalars))
  // snippet.end

  // snippet.own
  let found = a.scalars.map { a in
    var (low, high) = (0.0, a)
    for _ in 0..<60 {
      let x = (low + high) / 2
      if x * x * x + x < a { low = x } else { high = x }
    }
    return low
  }
  let bisected = try Tensor(found, shape: [3, 1], dtype: .float64)
    .asSolution(of: .root { x in x * x * x + x - a })
  print("by bisection, dx/da:", numbers(try gradients(of: bisected.sum())[a]!.scalars))
  // snippet.end

  // snippet.structure
  let n = 200
  let load = Tensor.ones([1, n], dtype: .float64).variable()
  func bending(_ x: Tensor) -> Tensor {  // -x[i-1] + 2.5 x[i] - x[i+1] + x[i]^3 = load[i]
    let padded = x.padded(before: 1, to: n + 2, alongAxis: 1)
    let left = padded.slice(0..<n, alongAxis: 1)
    let right = padded.slice(2..<n + 2, alongAxis: 1)
    return x * 2.5 - left - right + x * x * x - load
  }
  for structure in [JacobianStructure.dense, .banded(lower: 1, upper: 1)] {
    let solution = try solve(
      .root(bending), from: load.zerosLike(), using: .newton(structure: structure),
      estimator: .exact(structure: structure))
    let table = try gradients(of: solution.value.sum())
    print(
      "load in the middle:", numbers([table[load]!.scalars[n / 2]]), "for",
      table.backwardReport(of: solution)!.pullbacks, "pullbacks")
  }
  // snippet.end

  // snippet.preconditioner
  var random = Philox(seed: 8)
  let stiffness = (Tensor.uniform([1, 60], dtype: .float64, using: &random) * 3).exp()
  let coupling = Tensor.normal([60, 60], dtype: .float64, using: &random) * 0.05
  let force = Tensor.normal([2, 60], dtype: .float64, using: &random).variable()
  let balance = Equation<Tensor>.root { x in x * stiffness + x.matmul(coupling).sin() - force }
  for (name, estimator) in [
    ("GMRES", .gmres(tolerance: 1e-8)),
    ("with 1 / stiffness", .gmres(tolerance: 1e-8, preconditioner: { v in v / stiffness })),
  ] as [(String, any BackwardEstimator)] {
    let solution = try solve(
      balance, from: force / stiffness, estimator: estimator,
      until: .tolerance(relative: 1e-12, absolute: 1e-12, limit: 200))
    let table = try gradients(of: solution.value.square().sum())
    print("\(name): \(table.backwardReport(of: solution)!.pullbacks) pullbacks")
  }
  // snippet.end
}
