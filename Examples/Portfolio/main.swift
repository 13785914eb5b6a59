import Foundation
import ImplicitLayers
import Tensors

// Shares of a fortune, none below zero, all of them together 1: the least of risk minus expected return
// on the simplex, for three aversions to risk at once, and how each share moves with the aversion.

// snippet.market
let names = ["bonds", "property", "shares", "venture"]
let returns = Tensor([0.02, 0.04, 0.06, 0.10], shape: [1, 4], dtype: .float64)
let deviations = Tensor([0.04, 0.10, 0.16, 0.30], shape: [4, 1], dtype: .float64)
let correlations = Tensor(
  [
    1, 0.2, -0.1, 0,
    0.2, 1, 0.5, 0.3,
    -0.1, 0.5, 1, 0.6,
    0, 0.3, 0.6, 1,
  ], shape: [4, 4], dtype: .float64)
let covariance = correlations * deviations * deviations.reshaped([1, 4])
// snippet.end

// snippet.portfolio
/// The best shares for each aversion, [batch, 1]; the shares are [batch, 4].
func shares(_ aversion: Tensor) throws -> Tensor {
  try minimum(
    of: { p in
      let risk = (p.matmul(covariance) * p).sum(alongAxis: 1, keepingAxis: true)
      return (aversion * risk * 0.5).sum(alongAxis: 1) - (p * returns).sum(alongAxis: 1)
    }, over: .simplex, from: .full(0.25, [aversion.shape[0], 4], dtype: .float64),
    until: .tolerance(relative: 1e-10, limit: 2000))
}
let aversion = Tensor([1, 3, 10], shape: [3, 1], dtype: .float64)
let (p, slope) = try jvp(at: aversion, along: .ones([3, 1], dtype: .float64), of: shares)
// snippet.end

let step = 1e-4
let change = (try shares(aversion + step) - shares(aversion - step)) / (2 * step)
for (row, value) in aversion.scalars.enumerated() {
  print(String(format: "aversion %.0f      share   d share / d aversion   by differences", value))
  for (column, name) in names.enumerated() {
    let index = row * names.count + column
    print(
      "  " + name.padding(toLength: 13, withPad: " ", startingAt: 0),
      String(
        format: "%.3f   %+.4f                %+.4f", p.scalars[index], slope.scalars[index],
        change.scalars[index]))
  }
}
