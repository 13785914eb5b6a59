extension Experiment {
  /// Every forward solver, combined with several ways to differentiate.
  static let solvers = Experiment(
    name: "solvers",
    shows:
      "Which pairs of a forward solver and a gradient train: unrolled iteration (vanilla), and "
      + "iteration (I) or Broyden (B) with the adjoint by Broyden (B) or by a first-order Neumann "
      + "series (N).",
    source: "Chang, Griffiths and Levine (2022), comparison of solvers on CLEVR-Mirror",
    published: [
      "CLEVR-Mirror, 4 seeds: vanilla's cross-entropy stays near 130; BB, IN and BN reach values "
        + "about ten times lower; IB is less stable."
    ],
    arms: { setting in
      [
        Arm(
          "vanilla", setting.configuration { $0.unroll() }, setting.source,
          published: ["val_cross_entropy": "≈ 130"]),
        Arm(
          "IB", setting.configuration { $0.gradient = .broyden }, setting.source,
          published: ["val_cross_entropy": "less stable"]),
        Arm(
          "BB",
          setting.configuration {
            $0.solver = .broyden
            $0.gradient = .broyden
          }, setting.source, published: ["val_cross_entropy": "≈ 13"]),
        Arm("IN", setting.base, setting.source, published: ["val_cross_entropy": "≈ 13"]),
        Arm(
          "BN", setting.configuration { $0.solver = .broyden }, setting.source,
          published: ["val_cross_entropy": "≈ 13"]),
      ]
    },
    quantities: [
      .crossEntropy, .reconstruction, .gradientNorm, .largestGradientNorm, .largestSpectralNorm,
      .foreground, .clusteredForeground, .overlap, .secondsOfStep,
    ],
    charts: [.crossEntropy, .gradientNorm, .spectralNorm])
}

extension GradientChoice {
  /// The adjoint by Broyden's method.
  static let broyden = GradientChoice(
    description: "broyden", value: catalog.value("broyden") ?? implicit.value)
}

extension SolverChoice {
  /// Broyden's method, limited like every solver by the number of iterations.
  static let broyden = SolverChoice(description: "broyden", value: .broyden())
}
