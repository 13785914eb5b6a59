import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// z -> A z for one matrix per sample, [batch, n, n].
private func linear(_ matrices: Tensor) -> (Tensor) throws -> Tensor {
  { z in matrices.matmul(z.reshaped(z.shape + [1])).reshaped(z.shape) }
}

private func rotation(_ modulus: Double, degrees: Double) -> [Double] {
  let angle = degrees * Double.pi / 180
  return [cos(angle), -sin(angle), sin(angle), cos(angle)].map { $0 * modulus }
}

@Suite struct SpectralEstimateTests {
  @Test("the radius of a complex pair is its modulus")
  func complexPairs() throws {
    let angles = [90.0, 60, 45, 7]
    let matrices = Tensor(
      angles.flatMap { rotation(0.99, degrees: $0) }, shape: [4, 2, 2], dtype: .float64)
    var generator = Philox(seed: 5)
    let radii = try spectralRadius(
      of: linear(matrices), at: .zeros([4, 2], dtype: .float64), using: &generator)
    for (angle, radius) in zip(angles, radii) {
      #expect(abs(radius - 0.99) < 1e-12, "\(angle) degrees: \(radius)")
    }
  }

  @Test("radius and norm of a matrix that is not normal are kept apart")
  func notNormal() throws {
    let matrices = Tensor([0.5, 3, 0, 0.4, 0.5, 0, 0, 0.4], shape: [2, 2, 2], dtype: .float64)
    let z = Tensor.zeros([2, 2], dtype: .float64)
    var generator = Philox(seed: 2)
    let radii = try spectralRadius(of: linear(matrices), at: z, iterations: 400, using: &generator)
    let norms = try spectralNorm(of: linear(matrices), at: z, using: &generator)
    #expect(radii.allSatisfy { abs($0 - 0.5) < 1e-3 })
    // The larger root of s^2 - (.25 + 9 + .16) s + .04 is |A|^2.
    let square = (9.41 + (9.41 * 9.41 - 0.16).squareRoot()) / 2
    #expect(abs(norms[0] - square.squareRoot()) < 1e-12)
    #expect(abs(norms[1] - 0.5) < 1e-6)
  }

  @Test(
    "the tanh problem's radius and norm",
    arguments: [
      (0.25, 0.33345950, 0.63900754), (0.45, 0.60022710, 1.15021358),
    ])
  func tanhProblem(_ s: Double, _ radius: Double, _ norm: Double) throws {
    let problem = ClosedFormProblem.manufacturedTanh(s)
    let map = { (z: Tensor) in problem.map(z, problem.parameters) }
    var generator = Philox(seed: 9)
    let radii = try spectralRadius(
      of: map, at: problem.solution, iterations: 400, using: &generator)
    let norms = try spectralNorm(
      of: map, at: problem.solution, iterations: 200, using: &generator)
    #expect(abs(radii[0] / radius - 1) < 2e-3, "\(radii[0])")
    #expect(abs(norms[0] - norm) < 1e-7, "\(norms[0])")
  }

  @Test("a nilpotent Jacobian has radius 0, and NaN stays in its sample")
  func edges() throws {
    let matrices = Tensor(
      [0, 1, 0, 0, .nan, 0, 0, 1, 0.5, 0, 0, 0.5], shape: [3, 2, 2], dtype: .float64)
    var generator = Philox(seed: 1)
    let z = Tensor.zeros([3, 2], dtype: .float64)
    let radii = try spectralRadius(of: linear(matrices), at: z, using: &generator)
    #expect(radii[0] == 0)
    #expect(radii[1].isNaN)
    #expect(abs(radii[2] - 0.5) < 1e-14)
    let norms = try spectralNorm(of: linear(matrices), at: z, using: &generator)
    #expect(abs(norms[0] - 1) < 1e-12 && abs(norms[2] - 0.5) < 1e-12)
  }
}
