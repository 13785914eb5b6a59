import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing
import Training

/// z = tanh(W z + U x + b) against reference tensors in double precision.
@Suite struct ReferenceDEQTests {
  @Test(arguments: TestedEstimator.accurate + TestedEstimator.everyStep)
  func everyAccurateEstimator(_ row: TestedEstimator) throws {
    let url = try #require(
      Bundle.module.url(
        forResource: "deq_tanh_a", withExtension: "safetensors", subdirectory: "Fixtures"))
    let file = try SafetensorsFile(contentsOf: url)
    let cotangent = try file.tensor("input.cotangent")
    let parameters = try ["W", "U", "b"].map { try file.tensor("param.\($0)").variable() }
    let x = try file.tensor("input.x").variable()
    let z = try fixedPoint(
      from: .zeros(cotangent.shape, dtype: .float64),
      estimator: row.make(.init(tolerance: 1e-13, problem: .manufacturedTanh(0.6))),
      until: .tolerance(relative: 0, absolute: 1e-15, limit: 400)
    ) { z in
      (z.matmul(parameters[0], transposingOther: true)
        + x.matmul(parameters[1], transposingOther: true) + parameters[2]).tanh()
    }
    #expect(difference(z, try file.tensor("out.fixed_point"), absolute: 1e-12) == nil)
    let table = try gradients(of: z, cotangent: cotangent)
    for (variable, key) in zip(parameters + [x], ["W", "U", "b", "x"]) {
      let gradient = try #require(table[variable])
      #expect(
        difference(gradient, try file.tensor("grad.\(key)"), relative: 1e-10) == nil, "\(key)")
    }
  }
}
