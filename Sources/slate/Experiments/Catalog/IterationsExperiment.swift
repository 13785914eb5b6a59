extension Experiment {
  /// The number of iterations, in training and in evaluation.
  static let iterations = Experiment(
    name: "iterations",
    shows: "What more iterations of slot attention do to training without clipping, unrolled "
      + "(vanilla) and implicit, and to a trained model that is given more or fewer of them.",
    source: "Chang, Griffiths and Levine (2022), number of iterations without clipping",
    published: ["Vanilla gets worse with more iterations; implicit does not depend on them."],
    arms: { setting in
      [1, 3, 5, 7, 9, 11].flatMap { count in
        [
          Arm(
            "vanilla, n = \(count)",
            setting.configuration {
              $0.unroll()
              $0.iterations = count
              $0.clip = 0
            }, setting.source, group: "vanilla", x: Double(count)),
          Arm(
            "implicit, n = \(count)",
            setting.configuration {
              $0.iterations = count
              $0.clip = 0
            }, setting.source, group: "implicit", x: Double(count)),
        ]
      }
    },
    quantities: [
      .crossEntropy, .reconstruction, .gradientNorm, .largestGradientNorm, .spectralNorm,
      .largestSpectralNorm, .foreground, .clusteredForeground, .overlap, .secondsOfStep,
    ],
    charts: [
      ExperimentChart(
        key: "val_cross_entropy", title: "Cross-entropy after training",
        against: .arms("iterations"),
        axis: ("cross-entropy", "nats an image")),
      ExperimentChart(
        key: "slot_gradient_norm", title: "Gradient of slot attention in training",
        against: .arms("iterations"), axis: ("median of the largest entry", nil)),
      ExperimentChart(
        key: "slot_gradient_norm_largest", title: "Largest gradient of slot attention in training",
        against: .arms("iterations"), axis: ("largest entry", nil)),
      ExperimentChart(
        key: "jacobian_spectral_norm", title: "Jacobian after training",
        against: .arms("iterations"), axis: ("spectral norm", nil)),
      ExperimentChart(
        key: "cross_entropy", title: "Trained models with other numbers of iterations",
        against: .testIterations, axis: ("cross-entropy", "nats an image")),
      ExperimentChart(
        key: "reconstruction_mse", title: "Trained models with other numbers of iterations",
        against: .testIterations, axis: ("squared error through the slots", "an image")),
    ],
    slopes: [
      ("slot_gradient_norm", true), ("slot_gradient_norm_largest", true),
      ("val_cross_entropy", false),
    ],
    testIterations: { arm in
      [3, 7, 11].contains(arm.configuration.iterations) ? [1, 3, 5, 7, 11, 15, 23] : []
    })
}
