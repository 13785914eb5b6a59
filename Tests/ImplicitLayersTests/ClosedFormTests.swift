import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Numbers that were computed elsewhere, to forty digits or in rationals.
@Suite struct ClosedFormTests {
  /// The manufactured solution's own gradients, against digits computed elsewhere to 40 places.
  @Test(arguments: [
    (0.25, 0.5940434668386485286336, 0.2234525568309306023680, 2.239905117050475628497),
    (0.45, 1.005251547181448957922, -0.1555149905389811333308, 2.961167305595742692003),
  ])
  func publishedDigits(_ s: Double, _ first: Double, _ last: Double, _ norm: Double) throws {
    let gradient = try #require(try differentiate(.manufacturedTanh(s), .exact).gradients[1])
      .scalars
    #expect(abs(gradient[0] - first) < 1e-10)
    #expect(abs(gradient[7] - last) < 1e-10)
    #expect(abs(gradient.map { $0 * $0 }.reduce(0, +).squareRoot() - norm) < 1e-10)
  }

  @Test("one step on the rational map: right direction, a quarter of the length")
  func oneStepOnTheRationalMap() throws {
    let problem = ClosedFormProblem.rationalLinear
    let estimate = try #require(try differentiate(problem, .oneStep).gradients[1]).scalars
    let exact = problem.gradients[1].scalars
    let dot = zip(estimate, exact).map(*).reduce(0, +)
    let norms = [estimate, exact].map { $0.map { $0 * $0 }.reduce(0, +).squareRoot() }
    #expect(abs(dot / (norms[0] * norms[1]) - 0.9950168651) < 1e-9)
    #expect(abs(norms[0] / norms[1] - 0.2525295754) < 1e-9)
    #expect(abs(problem.gradients[0].scalars[0] - 9152.0 / 49) < 1e-12)
    #expect(abs(problem.gradients[0].scalars[8] - 15360.0 / 49) < 1e-12)
  }

  @Test("Picard takes the known number of steps", arguments: [(0.25, 25), (0.45, 53)])
  func stepCounts(_ s: Double, _ steps: Int) throws {
    let problem = ClosedFormProblem.manufacturedTanh(s)
    let solution = try Picard().solve(
      { problem.map($0, problem.parameters) }, from: problem.initial,
      until: .tolerance(relative: 0, absolute: 1e-12, limit: 100))
    #expect(solution.report.converged)
    #expect(abs(solution.report.evaluations - steps) <= 1)
  }

  @Test(
    "damped terms on the scalar cosine: 1 - ((1 - tau) + tau J)^k of the exact gradient",
    arguments: [
      (1, 1.0, 1.673612029), (2, 1.0, 0.5462468341), (3, 1.0, 1.305653591),
      (5, 1.0, 1.138691284), (10, 1.0, 0.9807647276), (1, 0.5, 0.8368060146),
      (2, 0.5, 0.9733677231), (3, 0.5, 0.9956537726), (5, 0.5, 0.9998842501),
    ])
  func ratios(_ terms: Int, _ relaxation: Double, _ ratio: Double) throws {
    let result = try differentiate(.scalarCosine, .neumann(terms: terms, relaxation: relaxation))
    let gradient = try #require(result.gradients[0]).scalar
    #expect(abs(gradient / -0.297474341509832260557941 - ratio) < 1e-9)
  }

  @Test(
    "relative error of truncated series on the tanh problem",
    arguments: [
      (0.25, 1, 1.0, 0.373), (0.25, 5, 1.0, 4.2e-3), (0.25, 10, 1.0, 2.1e-5),
      (0.25, 5, 0.5, 0.133), (0.25, 20, 0.5, 8e-5), (0.45, 1, 1.0, 0.686), (0.45, 5, 1.0, 7.8e-2),
      (0.45, 10, 1.0, 6.1e-3), (0.45, 5, 0.5, 0.306), (0.45, 20, 0.5, 1.8e-3),
    ])
  func truncation(_ s: Double, _ terms: Int, _ relaxation: Double, _ expected: Double) throws {
    let problem = ClosedFormProblem.manufacturedTanh(s)
    let result = try differentiate(problem, .neumann(terms: terms, relaxation: relaxation))
    let error = relativeError(try #require(result.gradients[1]), problem.gradients[1])
    // The expected numbers have one to three digits.
    #expect(abs(error / expected - 1) < (expected == 8e-5 ? 0.06 : 0.03), "\(error)")
  }
}
