import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import TestSupport
import Testing
import Training

/// Slot attention's exact implicit gradient from the published implementation, by every estimator
/// that approximates nothing.
@Suite struct SlotAttentionEstimatorTests {
  private static let estimators: [(String, any BackwardEstimator)] = [
    ("GMRES", .gmres(tolerance: 1e-12, dimension: 24)),
    ("restarted GMRES", .gmres(tolerance: 1e-12, dimension: 8, limit: 1000)),
    ("BiCGStab", .biCGStab(tolerance: 1e-12, limit: 1000)),
    ("least squares", .leastSquares),
    ("adjoint Anderson", .iterative(.anderson(depth: 8), tolerance: 1e-12, limit: 400)),
    ("adjoint Broyden", .iterative(.broyden(updates: 50), tolerance: 1e-12, limit: 400)),
    ("Neumann", .neumann(terms: 800)),
    ("unrolled with checkpoints", .unrolled(keeping: .squareRoot)),
    ("unrolled, truncated", .unrolled(lastSteps: 800)),
  ]

  @Test(arguments: estimators)
  func exactGradients(_ name: String, _ estimator: any BackwardEstimator) throws {
    let file = try fixture("slot_attention_a")
    var generator = Philox(seed: 1)
    var cell = SlotAttention(featureSize: 6, slotSize: 8, mlpHiddenSize: 16, using: &generator)
    try load(cell, from: file, prefix: "param.")
    cell.stoppingRule = .tolerance(relative: 0, absolute: 1e-14, limit: 2000)
    cell.estimator = estimator
    let features = try file.tensor("input.features").variable()
    let solution = try cell.solve(
      .init(features: features, initialSlots: try file.tensor("input.initial_slots")))
    #expect(try difference(solution.value, file.tensor("out.fixed_point"), absolute: 1e-9) == nil)
    let table = try gradients(of: solution.value, cotangent: try file.tensor("input.cotangent"))
    for entry in cell.namedParameters {
      let expected = try file.tensor("grad.exact.\(entry.name)")
      let gradient = table[entry.parameter.tensor] ?? expected.zerosLike()
      #expect(difference(gradient, expected, absolute: 1e-9) == nil, "\(entry.name)")
    }
    let expected = try file.tensor("grad.exact.features")
    #expect(difference(try #require(table[features]), expected, absolute: 1e-9) == nil)
  }

  @Test("radius and norm of the cell's Jacobian, through fused operators")
  func spectrum() throws {
    let file = try fixture("slot_attention_a")
    var generator = Philox(seed: 1)
    let cell = SlotAttention(featureSize: 6, slotSize: 8, mlpHiddenSize: 16, using: &generator)
    try load(cell, from: file, prefix: "param.")
    let injection = cell.inject(
      .init(
        features: try file.tensor("input.features"),
        initialSlots: try file.tensor("input.initial_slots")))
    let step = { (z: Tensor) in cell.step(z, given: injection) }
    let z = try file.tensor("out.fixed_point")
    let radii = try spectralRadius(of: step, at: z, iterations: 2000, using: &generator)
    let norms = try spectralNorm(of: step, at: z, iterations: 1000, using: &generator)
    let expected = (
      radii: try file.tensor("out.spectral_radius").scalars,
      norms: try file.tensor("out.spectral_norm").scalars
    )
    #expect(difference(radii, expected.radii, relative: 5e-3) == nil, "\(radii) \(expected.radii)")
    #expect(difference(norms, expected.norms, relative: 1e-6) == nil, "\(norms) \(expected.norms)")
  }
}
