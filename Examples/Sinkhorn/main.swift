import EstimatorComparison
import Foundation
import ImplicitLayers
import Tensors

// Optimal transport with entropy, by Sinkhorn's iteration on two potentials:
//   f_i <- log a_i - log sum_j exp(g_j - C_ij / e),   g_j <- log b_j - log sum_i exp(f_i - C_ij / e)
// The state is two tensors. Adding c to f and taking it from g changes nothing: solutions form a
// line, I - J is singular, and only least squares solves the adjoint system. The plan
// P_ij = exp(f_i + g_j - C_ij / e) does not see the ambiguity, so its gradients are well defined.

struct Potentials: FixedPointState {
  var rows: Tensor, columns: Tensor
  init(rows: Tensor, columns: Tensor) { (self.rows, self.columns) = (rows, columns) }
  init(tensors: [Tensor]) { (rows, columns) = (tensors[0], tensors[1]) }
  var tensors: [Tensor] { [rows, columns] }
}

let (sources, targets, entropy) = (4, 3, 0.2)
let a = Tensor([0.1, 0.2, 0.3, 0.4], shape: [1, sources], dtype: .float64)
let b = Tensor([0.5, 0.3, 0.2], shape: [1, targets], dtype: .float64)
let start = Potentials(rows: a.zerosLike(), columns: b.zerosLike())
// Places on a line: the cost of i to j is the squared distance.
let places = (
  from: (0..<sources).map { Double($0) / 3 }, to: (0..<targets).map { Double($0) / 2 + 0.1 }
)
let distances = places.from.flatMap { x in places.to.map { y in (x - y) * (x - y) } }

/// log P, [1, sources, targets].
func logPlan(_ z: Potentials, _ cost: Tensor) -> Tensor {
  z.rows.reshaped([1, sources, 1]) + z.columns.reshaped([1, 1, targets]) - cost / entropy
}

/// One iteration: rows first, then columns.
func sinkhorn(_ z: Potentials, _ cost: Tensor) -> Potentials {
  func logSum(_ x: Tensor, _ axis: Int) -> Tensor { x.exp().sum(alongAxis: axis).log() }
  let rows = z.rows + a.log() - logSum(logPlan(z, cost), 2)
  let half = Potentials(rows: rows, columns: z.columns)
  return Potentials(rows: rows, columns: z.columns + b.log() - logSum(logPlan(half, cost), 1))
}

/// sum P C: the cost of the plan, without its entropy.
func transportCost(_ cost: Tensor, _ estimator: any BackwardEstimator) throws -> Tensor {
  let z = try fixedPoint(
    from: start, estimator: estimator, until: .tolerance(relative: 1e-13, limit: 2000)
  ) { sinkhorn($0, cost) }
  return (logPlan(z, cost).exp() * cost).sum()
}

let cost = Tensor(distances, shape: [1, sources, targets], dtype: .float64).variable()
let total = try transportCost(cost, .leastSquares(cutoff: 1e-8))
guard let slope = try gradients(of: total)[cost] else { fatalError("the total depends on C") }
print("transport cost \(String(format: "%.8f", total.scalar))")

print("d cost / d C_ij by implicit differentiation, and by central differences")
var worst = 0.0
for entry in 0..<sources * targets {
  let sides = try [1e-5, -1e-5].map { step -> Double in
    var moved = distances
    moved[entry] += step
    let changed = Tensor(moved, shape: cost.shape, dtype: .float64)
    return try withoutRecording { try transportCost(changed, .leastSquares) }.scalar
  }
  let difference = (sides[0] - sides[1]) / 2e-5
  worst = max(worst, abs(difference - slope.scalars[entry]))
  print(String(format: "%+.8f  %+.8f", slope.scalars[entry], difference))
}
print("largest difference \(String(format: "%.0e", worst))")
guard worst < 1e-7 else { fatalError("the gradient is wrong by \(worst)") }

// The comparison sees the singular system, takes least squares as its reference and says so.
let comparison = EstimatorComparison(
  of: { sinkhorn($0, cost) }, from: start, until: .tolerance(relative: 1e-13, limit: 2000),
  parameters: [ParameterGroup("cost", [cost])]
) { z in (logPlan(z, cost).exp() * cost.detached()).sum() }
print("\n\(try comparison.report().table)")
