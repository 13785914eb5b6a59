import ConformanceChecks
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@testable import CustomEstimator

@Suite struct EstimatorChecksTests {
  /// Not those with a memory: a pass that starts from the last one's adjoint ends elsewhere within its
  /// tolerance.
  private static let forgetful = TestedEstimator.ofAnySolver.filter {
    !$0.traits.contains(.remembers)
  }

  private func failures(of tested: TestedEstimator, accuracy: Double?) throws -> [String] {
    let makeAdjoint = try #require(tested.makeAdjoint)
    let estimator = makeAdjoint(.init(tolerance: 1e-6, problem: .manufacturedTanh(0.6)))
    return try EstimatorChecks(estimator, accuracy: accuracy).failures()
  }

  @Test(arguments: forgetful)
  func everyEstimatorConforms(_ tested: TestedEstimator) throws {
    let failures = try failures(of: tested, accuracy: nil)
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  @Test(arguments: forgetful.filter { $0.traits.contains(.accurate) })
  func accurateEstimatorsAreNearTheExactAdjoint(_ tested: TestedEstimator) throws {
    let failures = try failures(of: tested, accuracy: 1e-5)
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  @Test func theExampleConforms() throws {
    #expect(try EstimatorChecks(MinimalResidual(steps: 60), accuracy: 1e-6).failures().isEmpty)
    let few = try EstimatorChecks(MinimalResidual(steps: 5), accuracy: 1e-6).failures()
    #expect(few.contains { $0.contains("of the exact adjoint") })
  }

  /// Sees v and the pullback and makes one mistake.
  private struct Mistaken: AdjointEstimator {
    let body: @Sendable (Tensor, (Tensor) throws -> Tensor) throws -> Tensor
    func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
      AdjointEstimate(value: try body(problem.cotangent, problem.pullback))
    }
  }

  @Test("each kind of mistake is found and named")
  func mistakesAreFound() throws {
    let mistakes: [(Mistaken, String)] = [
      (Mistaken { v, _ in v + v.mean(alongAxis: 0, keepingAxis: true) }, "a NaN in sample 1"),
      (Mistaken { v, _ in v + v.mean(alongAxis: 0, keepingAxis: true) }, "another cotangent"),
      (Mistaken { v, _ in v + 1e-3 }, "without a cotangent"),
      (Mistaken { v, pullback in try v + pullback(v) }, "of the exact adjoint"),
      (Mistaken { v, _ in v.reshaped([v.count, 1]) }, "into float64 [12, 1]"),
    ]
    for (estimator, text) in mistakes {
      let failures = try EstimatorChecks(estimator, accuracy: 1e-6).failures()
      #expect(failures.contains { $0.contains(text) }, "\(text): \(failures)")
    }
  }
}
