import Tensors
import TestSupport

extension RandomCell {
  /// A cell whose W has a spectral radius of 1.2 to 3.
  init(expanding number: Int, seed: UInt64) {
    self.init(seed: seed, number: number, radii: 1.2...3)
  }

  /// Samples for which `fixedPoint` returns something else than a fixed point, without a word.
  func silentFailures(_ solver: TestedSolver) -> [Violation] {
    guard case .success(let value) = fixedPointValue(solver) else { return [] }
    return (0..<batch).compactMap { sample in
      let reference = DenseReference(of: self, sample: sample)
      let z = value.slice(sample..<sample + 1)
      let (residual, size) = reference.residual(z)
      let noise = z.firstNonFiniteIndex == nil ? reference.noise(at: z) : 0
      if residual <= tolerance * size * 1.000001 + noise { return nil }
      return Violation(
        kind: "unreported failure", solver: solver.word, estimator: "fixedPoint",
        details: "\(self), sample \(sample): returned a point of residual \(residual) of \(size)")
    }
  }
}
