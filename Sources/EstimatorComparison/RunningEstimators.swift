import ImplicitLayers
import Tensors

extension EstimatorComparison {
  /// Runs every estimator and compares.
  ///
  /// An estimator that fails or does not apply takes up a row that says so.
  ///
  /// - Returns: the report.
  /// - Throws: what the map, the loss or the reference throw; `NothingToCompare` if no sample has a
  ///   fixed point.
  /// - Complexity: one solve, n pullbacks for the dense J, then for each estimator the pullbacks of
  ///   one gradient and `repeats` whole passes.
  public func report() throws -> ComparisonReport {
    let problem = try problem()
    let dense = wantsDenseJacobian ? try DenseJacobian(of: problem) : nil
    let reference = try reference(on: problem, dense: dense)
    let compared =
      estimators
      ?? ComparedEstimator.all(
        stateSize: problem.stateSize, dtype: problem.solution.dtype,
        hasInverse: problem.inverse != nil, canUnroll: problem.initial != nil)
    var rows = try compared.map { try row($0, problem, reference, dense) }
    try measureCosts(of: compared, on: problem, into: &rows)
    return ComparisonReport(
      groupNames: parameters.map(\.name), rows: rows, reference: reference.description,
      solver: problem.forward == nil ? "none, z* was given" : solver.name,
      dtype: "\(problem.solution.dtype)", stateSize: problem.stateSize, samples: problem.samples,
      spectrum: measuresSpectrum ? try spectrum(problem, dense) : nil, repeats: repeats,
      mixing: try mixing(problem))
  }

  /// Whether the map mixes samples, which no estimator's residual would show.
  private func mixing(_ problem: ComparisonProblem) throws -> String? {
    guard problem.solution.shape[0] > 1 else { return nil }
    let (_, pullback) = try valueWithPullback(at: problem.solution) { try problem.map($0) }
    return try withoutRecording { try mixedSample(of: problem.solution, pullback: pullback) }
  }

  private func row(
    _ compared: ComparedEstimator, _ problem: ComparisonProblem, _ reference: ReferenceGradient,
    _ dense: DenseJacobian?
  ) throws -> ComparisonReport.Row {
    var v = problem.cotangent
    var expected = reference.pass
    var failed: Set<Int> = []
    while true {
      do {
        let pass = try pass(compared, on: problem, cotangent: v)
        var row = ComparisonReport.Row(
          name: compared.name, family: compared.estimator.family,
          status: status(pass.report, problem, failed: failed))
        (row.groups, row.overall) = pass.gradients.figures(against: expected.gradients)
        row.adjointErrors = adjointErrors(pass.adjoint, expected.adjoint, problem)
        row.evaluations = pass.evaluations
        row.pullbacks = pass.pullbacks
        row.failedSamples = failed.sorted().map { problem.positions[$0] }
        if let series = compared.estimator.series {
          row.predicted = try prediction(series, problem, expected, dense)
        }
        return row
      } catch let failure as BackwardFailure {
        let new = Set(failure.samples).subtracting(failed)
        failed.formUnion(new)
        guard !new.isEmpty, problem.isKept.indices.contains(where: { isOpen($0) }) else {
          return ComparisonReport.Row(
            name: compared.name, family: compared.estimator.family,
            status: "failed in every sample: "
              + FigureText.outcomes(failure.report.samples.map { "\($0.outcome)" }),
            failedSamples: failed.sorted().map { problem.positions[$0] })
        }
        func isOpen(_ row: Int) -> Bool { problem.isKept[row] && !failed.contains(row) }
        // The other samples' figures, without those that failed on either side.
        v = problem.cotangent.keepingSamples(problem.isKept.indices.map(isOpen))
        expected = try self.pass(reference.compared, on: problem, cotangent: v)
      } catch let error as MissingInverse {
        return ComparisonReport.Row(
          name: compared.name, family: compared.estimator.family, status: "does not apply: \(error)"
        )
      } catch let error as ReversalDrift {
        return ComparisonReport.Row(
          name: compared.name, family: compared.estimator.family, status: "failed: \(error)")
      } catch let error as IrreversibleSolver {
        return ComparisonReport.Row(
          name: compared.name, family: compared.estimator.family, status: "does not apply: \(error)"
        )
      } catch let error as LinearizedAdjoint {
        return ComparisonReport.Row(
          name: compared.name, family: compared.estimator.family, status: "does not apply: \(error)"
        )
      } catch let error as NothingToUnroll {
        return ComparisonReport.Row(
          name: compared.name, family: compared.estimator.family, status: "not run: \(error)")
      }
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

  /// What (I - M^k) u says of the gradient's error, from u and J rather than from the series.
  func prediction(
    _ series: NeumannSeries, _ problem: ComparisonProblem, _ reference: GradientPass,
    _ dense: DenseJacobian?
  ) throws -> ComparisonReport.Prediction? {
    guard var error = reference.adjoint else { return nil }
    let product: (Tensor) throws -> Tensor =
      if let dense {
        dense.pullback
      } else {
        try valueWithPullback(at: problem.solution, creatingGraph: false) {
          try problem.map($0)
        }.pullback
      }
    for _ in 0..<series.terms {
      error = try error * (1 - series.relaxation) + product(error) * series.relaxation
    }
    let gradients = try parameterGradients(of: error, on: problem)
    let sizes = gradients.relativeSizes(to: reference.gradients)
    var decay: Double?
    if let dense {
      let radii = dense.spectralRadii(relaxation: series.relaxation)
      let largest = radii.indices.filter { problem.isKept[$0] }.map { radii[$0] }.max() ?? 0
      decay = (0..<series.terms).reduce(1.0) { power, _ in power * largest }
    }
    return ComparisonReport.Prediction(
      groups: sizes.groups, overall: sizes.overall, decay: decay)
  }

  private func spectrum(
    _ problem: ComparisonProblem, _ dense: DenseJacobian?
  ) throws -> ComparisonReport.Spectrum {
    func kept(_ numbers: [Double]) -> [Double] {
      numbers.indices.filter { problem.isKept[$0] }.map { numbers[$0] }
    }
    if let dense {
      return ComparisonReport.Spectrum(
        radii: kept(dense.spectralRadii()), norms: kept(try dense.spectralNorms()),
        method: "dense J")
    }
    var generator = Philox(seed: 0)
    let map = { (z: Tensor) in try problem.map(z) }
    return ComparisonReport.Spectrum(
      radii: kept(try spectralRadius(of: map, at: problem.solution, using: &generator)),
      norms: kept(try spectralNorm(of: map, at: problem.solution, using: &generator)),
      method: "power iteration")
  }

  private func measureCosts(
    of compared: [ComparedEstimator], on problem: ComparisonProblem,
    into rows: inout [ComparisonReport.Row]
  ) throws {
    let measurable = rows.indices.filter { rows[$0].overall != nil && rows[$0].failedSamples == [] }
    let costs = try costs(
      of: measurable.map { compared[$0] }, on: problem, using: solver, until: stoppingRule,
      repeats: repeats)
    for (row, cost) in zip(measurable, costs) {
      rows[row].forwardSeconds = cost?.forwardSeconds
      rows[row].backwardSeconds = cost?.backwardSeconds
      rows[row].peakBytes = cost?.peakBytes
      rows[row].tapeNodes = cost?.tapeNodes
    }
  }

  /// Measures in turns; nil for no repeats.
  func costs(
    of compared: [ComparedEstimator], on problem: ComparisonProblem,
    using solver: any ForwardSolver, until rule: StoppingRule, repeats: Int
  ) throws -> [PassCost?] {
    var costs = compared.map { _ in [PassCost]() }
    for _ in 0..<repeats {
      for index in compared.indices {
        costs[index].append(try cost(compared[index], on: problem, using: solver, until: rule))
      }
    }
    return costs.map { PassCost.median(of: $0) }
  }
}
