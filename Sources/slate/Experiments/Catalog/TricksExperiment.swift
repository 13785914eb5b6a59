extension Experiment {
  /// Training without clipping, warm-up or decay, which shows what each of them is needed for.
  static let tricks = Experiment(
    name: "tricks",
    shows: "Whether training needs gradient clipping, warm-up of the learning rate and its decay, "
      + "unrolled (vanilla) and implicit.",
    source: "Chang, Griffiths and Levine (2022), ablation of the tricks",
    published: [
      "Without clipping or without warm-up, vanilla's Jacobian norm and gradients explode; implicit "
        + "training stays stable (one of three seeds without warm-up fails)."
    ],
    arms: { setting in
      let changes: [(name: String, change: @Sendable (inout RunConfiguration) -> Void)] = [
        ("all tricks", { _ in }), ("no clipping", { $0.clip = 0 }),
        ("no warm-up", { $0.lrWarmupSteps = 0 }), ("no decay", { $0.patience = 0 }),
        (
          "no tricks",
          {
            $0.clip = 0
            $0.lrWarmupSteps = 0
            $0.patience = 0
          }
        ),
      ]
      return changes.flatMap { name, change in
        [
          Arm(
            "vanilla, \(name)",
            setting.configuration {
              $0.unroll()
              change(&$0)
            }, setting.source),
          Arm("implicit, \(name)", setting.configuration { change(&$0) }, setting.source),
        ]
      }
    },
    quantities: [
      .crossEntropy, .reconstruction, .gradientNorm, .largestGradientNorm, .spectralNorm,
      .largestSpectralNorm, .foreground, .clusteredForeground, .overlap,
    ],
    charts: [.crossEntropy, .gradientNorm, .spectralNorm])
}
