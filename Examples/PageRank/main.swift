import EstimatorComparison
import Foundation
import ImplicitLayers
import Tensors

// PageRank: p = d P p + (1 - d) t, with P the column-stochastic matrix of links, t where a bored
// surfer starts anew, and d = .85. No neural network, and J = d P. The gradient of a page's rank
// with respect to every entry of P costs one adjoint solve, and tells which link is worth most.

let pages = ["home", "news", "shop", "blog", "wiki", "about", "jobs", "forum"]
let links: [(from: Int, to: Int)] = [
  (0, 1), (0, 2), (0, 3), (0, 5), (1, 0), (1, 3), (2, 0), (3, 1), (3, 4), (4, 3), (4, 7), (5, 0),
  (5, 6), (6, 5), (7, 4), (7, 3), (7, 0),
]
let count = pages.count
let damping = 0.85

/// The transition matrix of some links: column j holds the shares that page j passes on.
func transitions(_ links: [(from: Int, to: Int)]) -> Tensor {
  var entries = [Double](repeating: 0, count: count * count)
  for link in links {
    let degree = links.filter { $0.from == link.from }.count
    entries[link.to * count + link.from] = 1 / Double(degree)
  }
  return Tensor(entries, shape: [count, count], dtype: .float64)
}

/// The ranks as a fixed point; two rows, the whole web and the reader of "wiki".
func ranks(_ p: Tensor, estimator: any BackwardEstimator = .gmres(tolerance: 1e-12)) throws
  -> Tensor
{
  let everywhere = [Double](repeating: 1 / Double(count), count: count)
  let atWiki = (0..<count).map { $0 == 4 ? 1.0 : 0.0 }
  let start = Tensor(everywhere + atWiki, shape: [2, count], dtype: .float64)
  return try fixedPoint(
    from: start, using: .anderson(depth: 5), estimator: estimator,
    until: .tolerance(relative: 1e-13, limit: 200)
  ) { z in z.matmul(p, transposingOther: true) * damping + start * (1 - damping) }
}

let p = transitions(links).variable()
let z = try ranks(p)
print("page    rank    for a reader of wiki")
for (index, page) in pages.enumerated() {
  print(
    page.padding(toLength: 7, withPad: " ", startingAt: 0),
    String(format: "%.4f  %.4f", z.scalars[index], z.scalars[count + index]))
}

// What would a link to "shop" from each page be worth? The rank of shop is entry 2.
let target = 2
let rank = z.slice(0..<1).slice(target..<target + 1, alongAxis: 1).sum()
guard let slope = try gradients(of: rank)[p] else { fatalError("the rank depends on P") }
print("\na new link to shop: change of its rank by the gradient, and recomputed")
var best = (page: "", gain: -Double.infinity)
for page in 0..<count where page != target {
  guard !links.contains(where: { $0.from == page && $0.to == target }) else { continue }
  let changed = transitions(links + [(page, target)])
  let estimate = ((changed - p.detached()) * slope).sum().scalar
  let change = try withoutRecording { try ranks(changed) }.scalars[target] - z.scalars[target]
  print(
    "from", pages[page].padding(toLength: 6, withPad: " ", startingAt: 0),
    String(format: "%+.4f  %+.4f", estimate, change))
  if estimate > best.gain { best = (pages[page], estimate) }
}
print("the gradient's advice: a link from \(best.page)")

// The map is linear, so k terms of the series leave exactly d^k-ish of the adjoint.
let comparison = EstimatorComparison(
  of: FixedPointMap { z in z.matmul(p, transposingOther: true) * damping + 0.15 / Double(count) },
  from: .zeros([1, count], dtype: .float64), until: .tolerance(relative: 1e-14, limit: 500),
  parameters: [ParameterGroup("links", [p])]
) { $0.slice(target..<target + 1, alongAxis: 1).sum() }
print("\n\(try comparison.errors(byTerms: [1, 2, 5, 10, 20, 50], relaxations: [1]).table)")
