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
}
