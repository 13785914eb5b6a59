import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing
import Training

/// z = tanh(W z + U x + b) against a reference implementation, in double precision.
@Suite struct TanhFixtureTests {
  private let file: SafetensorsFile

  init() throws {
    let url = try #require(
      Bundle.module.url(
        forResource: "deq_tanh_a", withExtension: "safetensors", subdirectory: "Fixtures"))
    file = try SafetensorsFile(contentsOf: url)
  }

  @Test(
    arguments: TestedSolver.defaults,
    [.exact, .unrolled, .neumann(terms: 300)] as [any BackwardEstimator])
  func everySolverAndEstimator(_ tested: TestedSolver, _ estimator: any BackwardEstimator) throws {
    let theta = try ["param.W", "param.U", "param.b", "input.x"].map {
      try file.tensor($0).variable()
    }
    let z = try fixedPoint(
      from: .zeros([4, 16], dtype: .float64), using: tested.solver, estimator: estimator,
      until: .tolerance(relative: 0, absolute: 1e-14, limit: 500)
    ) { z in
      let injected = theta[3].matmul(theta[1], transposingOther: true) + theta[2]
      return (z.matmul(theta[0], transposingOther: true) + injected).tanh()
    }
    #expect(difference(z.detached(), try file.tensor("out.fixed_point"), absolute: 1e-12) == nil)
    let table = try gradients(of: z, cotangent: file.tensor("input.cotangent"))
    for (variable, name) in zip(theta, ["grad.W", "grad.U", "grad.b", "grad.x"]) {
      let gradient = try #require(table[variable])
      #expect(difference(gradient, try file.tensor(name), relative: 1e-10) == nil, "\(name)")
    }
  }
}
