extension Experiment {
  /// Training with every way to differentiate.
  static let estimators = Experiment(
    name: "estimators",
    shows: "What training comes to with each gradient estimator, on the same network, data and "
      + "seeds: at equal steps and at equal time, with the gradient's cosine to the exact one.",
    source: "not published",
    arms: { setting in
      func arm(_ label: String, _ form: String, solver: SolverChoice = .iteration) -> Arm {
        Arm(
          label,
          setting.configuration {
            $0.gradient = GradientChoice(form) ?? .implicit
            $0.solver = solver
          }, setting.source)
      }
      return [
        arm("one step", "implicit"), arm("Neumann, 3 terms", "neumann:3"),
        arm("Neumann, 5 terms", "neumann:5"), arm("phantom, 5 terms of 0.5", "phantom:5:0.5"),
        arm("GMRES", "gmres"), arm("quasi-Newton reuse", "quasi-newton", solver: .broyden),
        arm("unrolled, last 3", "unrolled:3"), arm("unrolled", "unrolled"),
        Arm(
          "bi-level",
          setting.configuration {
            $0.slotInit = .learned
            $0.straightThrough = true
          }, setting.source),
      ]
    },
    quantities: [
      .crossEntropy,
      Quantity(
        key: ExperimentResults.atEqualTime, title: "cross-entropy at equal time", isTime: true),
      .cosine, .reconstruction, .gradientNorm, .largestGradientNorm, .foreground,
      .clusteredForeground, .overlap, .secondsOfStep,
    ],
    charts: [
      .crossEntropy,
      ExperimentChart(
        key: "val_cross_entropy", title: "Cross-entropy in validation", against: .seconds,
        axis: ("cross-entropy", "nats an image")),
      ExperimentChart(
        key: "adjoint_cosine", title: "Adjoint against the exact one", against: .steps,
        axis: ("cosine", nil), isLogarithmic: false),
      .gradientNorm, .spectralNorm,
    ])
}
