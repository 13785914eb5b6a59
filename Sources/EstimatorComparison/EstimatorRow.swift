import ImplicitLayers
import Tensors

extension EstimatorComparison {
  /// The row of an estimator; one that fails or does not apply has a row that says so.
  func row(
    _ compared: ComparedEstimator, _ problem: ComparisonProblem, _ reference: ReferenceGradient,
    _ dense: DenseJacobian?
  ) throws -> ComparisonReport.Row {
    func entry(_ status: String, failed: Set<Int> = []) -> ComparisonReport.Row {
      ComparisonReport.Row(
        name: compared.name, family: compared.estimator.family, status: status,
        failedSamples: failed.sorted().map { problem.positions[$0] })
    }
    do {
      switch try passOfSound(compared, on: problem, reference) {
      case .failedEverywhere(let failure, let failed):
        return entry(
          "failed in every sample: "
            + FigureText.outcomes(failure.report.samples.map { "\($0.outcome)" }), failed: failed)
      case .sound(let pass, let expected, let failed):
        var row = entry(status(pass.report, problem, failed: failed), failed: failed)
        (row.groups, row.overall) = pass.gradients.figures(against: expected.gradients)
        row.adjointErrors = adjointErrors(pass.adjoint, expected.adjoint, problem)
        row.evaluations = pass.evaluations
        row.pullbacks = pass.pullbacks
        if let series = compared.estimator.series {
          row.predicted = try prediction(series, problem, expected, dense)
        }
        return row
      }
    } catch {
      guard let status = status(of: error) else { throw error }
      return entry(status)
    }
  }

  /// A pass of the samples in which an estimator does not fail.
  private enum PassOfSound {
    /// The pass, the reference's pass of the same samples, and those that failed.
    case sound(GradientPass, expected: GradientPass, failed: Set<Int>)
    /// No sample is left: the last failure, and all that failed.
    case failedEverywhere(BackwardFailure, failed: Set<Int>)
  }

  /// Passes until no sample fails any more, each without the samples that failed in those before: the
  /// figures are then those of the others, without what failed on either side.
  private func passOfSound(
    _ compared: ComparedEstimator, on problem: ComparisonProblem, _ reference: ReferenceGradient
  ) throws -> PassOfSound {
    var failed: Set<Int> = []
    var v = problem.cotangent
    var expected = reference.pass
    while true {
      do {
        let pass = try pass(compared, on: problem, cotangent: v)
        return .sound(pass, expected: expected, failed: failed)
      } catch let failure as BackwardFailure {
        let isNew = !failed.isSuperset(of: failure.samples)
        failed.formUnion(failure.samples)
        let isOpen = problem.isKept.indices.map { problem.isKept[$0] && !failed.contains($0) }
        guard isNew, isOpen.contains(true) else {
          return .failedEverywhere(failure, failed: failed)
        }
        v = problem.cotangent.keepingSamples(isOpen)
        expected = try self.pass(reference.compared, on: problem, cotangent: v)
      }
    }
  }

  /// What a row says of an error that concerns its estimator as a whole; nil for any other error.
  func status(of error: any Error) -> String? {
    switch error {
    case is MissingInverse, is IrreversibleSolver, is LinearizedAdjoint:
      "does not apply: \(error)"
    case is ReversalDrift, is WrongStructure, is AdjointNotSolved: "failed: \(error)"
    case is NothingToUnroll: "not run: \(error)"
    default: nil
    }
  }

  private func status(
    _ report: BackwardReport?, _ problem: ComparisonProblem, failed: Set<Int>
  ) -> String {
    let failures =
      failed.isEmpty
      ? ""
      : "failed in \(failed.sorted().map { "\(problem.positions[$0])" }.joined(separator: ", ")); "
    guard let report else { return failures + "no backward solve" }
    let rows = report.samples.indices.filter { problem.isKept[$0] && !failed.contains($0) }
    let outcomes = FigureText.outcomes(rows.map { "\(report.samples[$0].outcome)" })
    let worst = rows.map { report.samples[$0].relativeResidual }.filter { !$0.isNaN }.max()
    let kept = rows.filter { report.failed.contains($0) }.map { "\(problem.positions[$0])" }
    return failures + outcomes + (worst.map { ", residual \(FigureText.scientific($0))" } ?? "")
      + (kept.isEmpty
        ? ""
        : "; estimates of samples \(kept.joined(separator: ", ")) "
          + (report.fallback.map { "replaced by \($0)" } ?? "kept regardless"))
  }

  private func adjointErrors(
    _ w: Tensor?, _ u: Tensor?, _ problem: ComparisonProblem
  ) -> [Double?]? {
    guard let w, let u else { return nil }
    let (errors, sizes) = ((w - u).normsOfSamples, u.normsOfSamples)
    return errors.indices.filter { problem.isKept[$0] }.map { row in
      sizes[row] > 0 && errors[row].isFinite ? errors[row] / sizes[row] : nil
    }
  }
}
