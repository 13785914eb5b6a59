import Foundation
import ImplicitLayers
import Tensors

extension EstimatorComparison {
  /// The gradient's relative error against the number of terms of the series, seen and predicted.
  ///
  /// - Parameters:
  ///   - terms: numbers of terms; default powers of two up to 32.
  ///   - relaxations: a pair of curves for each; default 1 and 1/2.
  /// - Returns: curves named "seen, relaxation 1" and "predicted, relaxation 1", and so on.
  /// - Throws: what the map, the loss, the reference or an estimator throw; `NothingToCompare`.
  public func errors(
    byTerms terms: [Int] = [1, 2, 4, 8, 16, 32], relaxations: [Double] = [1, 0.5]
  ) throws -> ComparisonSweep {
    let problem = try problem()
    let dense = try DenseJacobian(of: problem)
    let reference = try reference(on: problem, dense: dense)
    var curves: [ComparisonSweep.Curve] = []
    for relaxation in relaxations {
      var (seen, predicted): ([(Double, Double)], [(Double, Double)]) = ([], [])
      for count in terms {
        let series = NeumannSeries(terms: count, relaxation: relaxation)
        let pass = try pass(
          ComparedEstimator("series", series), on: problem, cotangent: problem.cotangent)
        let figures = pass.gradients.figures(against: reference.pass.gradients)
        if let error = figures.overall.relativeError { seen.append((Double(count), error)) }
        let theory = try prediction(series, problem, reference.pass, dense)
        if let error = theory?.overall { predicted.append((Double(count), error)) }
      }
      let name = "relaxation \(String(format: "%g", relaxation))"
      curves += [.init("seen, \(name)", seen), .init("predicted, \(name)", predicted)]
    }
    return ComparisonSweep(
      title: "Truncated series", variable: "terms", quantity: "relative error of the gradient",
      unit: nil, isLogarithmic: true, curves: curves)
  }

  /// The gradient's relative error against what it costs, in products with J^T.
  ///
  /// Each method is stopped after so many products, whatever its residual: which one makes the
  /// most of a budget?
  ///
  /// - Parameters:
  ///   - budgets: products with J^T, the last one, to the parameters, included; default powers of
  ///     two up to 64.
  ///   - methods: from a budget to an estimator; default the series, damped and not, adjoint
  ///     Anderson iteration and GMRES.
  /// - Returns: a curve for each method, over the products that were taken.
  /// - Throws: what the map, the loss, the reference or an estimator throw; `NothingToCompare`.
  public func errors(
    byProducts budgets: [Int] = [2, 4, 8, 16, 32, 64],
    of methods: [(name: String, withBudget: (Int) -> any BackwardEstimator)] = [
      ("series", { .neumann(terms: $0) }),
      ("series, relaxation 0.5", { .neumann(terms: $0, relaxation: 0.5) }),
      ("adjoint Anderson", { .iterative(.anderson(depth: 5), evaluations: $0) }),
      (
        "GMRES",
        { .gmres(tolerance: 0, dimension: 64, limit: max($0 - 1, 1), onFailure: .keeping) }
      ),
    ]
  ) throws -> ComparisonSweep {
    let problem = try problem()
    let reference = try reference(on: problem, dense: try DenseJacobian(of: problem))
    let curves = try methods.map { method in
      var points: [(Double, Double)] = []
      for budget in budgets {
        let compared = ComparedEstimator(method.name, method.withBudget(budget))
        let pass = try pass(compared, on: problem, cotangent: problem.cotangent)
        let figures = pass.gradients.figures(against: reference.pass.gradients)
        guard let error = figures.overall.relativeError else { continue }
        // A method that is done does not spend the rest.
        if points.last?.0 != Double(pass.pullbacks) {
          points.append((Double(pass.pullbacks), error))
        }
      }
      return ComparisonSweep.Curve(method.name, points)
    }
    return ComparisonSweep(
      title: "What accuracy costs", variable: "products with the transposed Jacobian",
      quantity: "relative error of the gradient", unit: nil, isLogarithmic: true, curves: curves)
  }

  /// The gradient's relative error against the tolerance of the forward solve.
  ///
  /// The reference is that at the z* of the comparison's own rule, which has to be tighter than
  /// every tolerance. The cotangent is that of the loss at each z, as in training, so the error of
  /// an estimator that approximates nothing is what an unconverged z* alone costs.
  ///
  /// - Parameters:
  ///   - tolerances: relative residuals.
  ///   - compared: default the comparison's reference and one step.
  /// - Returns: a curve for each estimator.
  /// - Throws: what the map, the loss, the reference or an estimator throw; `NothingToCompare`;
  ///   `NothingToUnroll` where z* was given instead of a first iterate.
  public func errors(
    byTolerance tolerances: [Double] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6],
    of compared: [ComparedEstimator]? = nil
  ) throws -> ComparisonSweep {
    let problem = try problem()
    guard let initial = problem.initial else { throw NothingToUnroll() }
    let reference = try reference(on: problem, dense: try DenseJacobian(of: problem))
    let compared =
      compared ?? [
        ComparedEstimator("one step", .oneStep),
        ComparedEstimator("5 terms", .neumann(terms: 5)), reference.compared,
      ]
    var points = compared.map { _ in [(Double, Double)]() }
    for tolerance in tolerances {
      let rule = StoppingRule.tolerance(relative: tolerance, limit: stoppingRule.limit)
      let z = try withoutRecording {
        try solver.solve(problem.map, from: initial, until: rule).value
      }
      let v = try withoutRecording { try problem.cotangentAt(z) }
      for (index, estimator) in compared.enumerated() {
        let pass = try pass(estimator, on: problem, at: z, cotangent: v, until: rule)
        let figures = pass.gradients.figures(against: reference.pass.gradients)
        if let error = figures.overall.relativeError { points[index].append((tolerance, error)) }
      }
    }
    return ComparisonSweep(
      title: "Unconverged fixed points", variable: "relative residual of the forward solve",
      quantity: "relative error of the gradient", unit: nil, isLogarithmic: true,
      curves: zip(compared, points).map { .init($0.name, $1) })
  }

  /// The gradient's relative error against the size of the cotangent.
  ///
  /// Flat for an estimator that is linear in the cotangent, or scales it: a tolerance that is
  /// absolute, or an underflow, shows here.
  ///
  /// - Parameters:
  ///   - scales: factors of the loss.
  ///   - compared: default one step, 5 terms, GMRES to 1e-3 and the reference.
  /// - Returns: a curve for each estimator.
  /// - Throws: what the map, the loss, the reference or an estimator throw; `NothingToCompare`.
  public func errors(
    byCotangentScale scales: [Double] = [1e-12, 1e-8, 1e-4, 1, 1e4, 1e8],
    of compared: [ComparedEstimator]? = nil
  ) throws -> ComparisonSweep {
    let problem = try problem()
    let reference = try reference(on: problem, dense: try DenseJacobian(of: problem))
    let compared =
      compared ?? [
        ComparedEstimator("one step", .oneStep),
        ComparedEstimator("5 terms", .neumann(terms: 5)),
        ComparedEstimator("GMRES to 1e-3", .gmres(tolerance: 1e-3)), reference.compared,
      ]
    let curves = try compared.map { estimator in
      let points = try scales.compactMap { scale -> (Double, Double)? in
        let pass = try pass(estimator, on: problem, cotangent: problem.cotangent * scale)
        let figures = pass.gradients.divided(by: scale)
          .figures(against: reference.pass.gradients)
        return figures.overall.relativeError.map { (scale, $0) }
      }
      return ComparisonSweep.Curve(estimator.name, points)
    }
    return ComparisonSweep(
      title: "Size of the cotangent", variable: "factor of the loss",
      quantity: "relative error of the gradient", unit: nil, isLogarithmic: true, curves: curves)
  }
}
