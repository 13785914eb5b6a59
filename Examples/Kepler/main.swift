import Foundation
import ImplicitLayers
import Tensors

// Kepler's equation, E = M + e sin E, for a batch of orbits: from the mean anomaly M (time since
// perihelion, as an angle) and the eccentricity e to the eccentric anomaly E. Round orbits take a
// few iterations, long ones at perihelion a thousand; each stops by itself.

let orbits: [(name: String, eccentricity: Double, anomaly: Double)] = [
  ("Earth", 0.0167, 1), ("Mercury", 0.2056, 1), ("Pluto", 0.2488, 2), ("Sedna", 0.8496, 1),
  ("Halley's comet", 0.9671, 0.5), ("Hale-Bopp, near the Sun", 0.9951, 0.1),
]
func column(_ numbers: [Double]) -> Tensor {
  Tensor(numbers, shape: [numbers.count, 1], dtype: .float64)
}
// M is chosen such that E is known.
let m = column(orbits.map { $0.anomaly - $0.eccentricity * sin($0.anomaly) }).variable()
let e = column(orbits.map(\.eccentricity)).variable()

// The same map on some of the orbits: with it, orbits that are done leave the solve.
let kepler = FixedPointMap({ z in m + e * z.sin() }) { positions in
  let (someM, someE) = (m.samples(positions), e.samples(positions))
  return { z in someM + someE * z.sin() }
}
let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-10, limit: 5000)
let solution = try ExactAdjoint().solution(
  of: kepler, from: m, using: .picard(), until: rule)
let table = try gradients(of: solution.value.sum())

func padded(_ text: String, _ width: Int) -> String {
  text.padding(toLength: width, withPad: " ", startingAt: 0)
}
print(padded("orbit", 24), "evaluations   E          error    dE/de      exact dE/de")
for (index, orbit) in orbits.enumerated() {
  let found = solution.value.scalars[index]
  // Of E - e sin E = M: dE/de = sin E / (1 - e cos E).
  let exact = sin(orbit.anomaly) / (1 - orbit.eccentricity * cos(orbit.anomaly))
  print(
    padded(orbit.name, 24),
    String(
      format: "%11d   %.6f   %.0e   %.6f   %.6f",
      solution.report.samples[index].evaluations, found, abs(found - orbit.anomaly),
      table[e]?.scalars[index] ?? .nan, exact))
}
let longest = solution.report.evaluations * orbits.count
print(
  "\(solution.report.sampleEvaluations) evaluations of single orbits; a batch that waits for its",
  "slowest would take \(longest)")

// Two evaluations instead of hundreds: Newton's method on the same map.
let newton = try NewtonKrylov().solve(kepler, from: m, until: rule)
print("Newton-Krylov: \(newton.report.samples.map(\.evaluations)) evaluations")
