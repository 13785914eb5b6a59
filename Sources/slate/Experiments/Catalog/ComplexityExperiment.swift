extension Experiment {
  /// The cost of a pass as a function of the number of iterations.
  static let complexity = Experiment(
    name: "complexity",
    shows:
      "How time and memory of a pass through slot attention grow with the number of iterations, "
      + "unrolled (vanilla) and implicit.",
    source: "Chang, Griffiths and Levine (2022), section 3",
    published: [
      "Vanilla: time and memory O(n), forward and backward. Implicit: time O(n) forward, all else O(1)."
    ],
    arms: { setting in
      [1, 2, 4, 8, 16, 32, 64].flatMap { count in
        [
          Arm(
            "vanilla, n = \(count)",
            setting.configuration {
              $0.unroll()
              $0.iterations = count
            }, setting.source, group: "vanilla", x: Double(count)),
          Arm(
            "implicit, n = \(count)", setting.configuration { $0.iterations = count },
            setting.source, group: "implicit", x: Double(count)),
        ]
      }
    },
    quantities: [
      Quantity(key: "forward_ms", title: "forward, ms", isTime: true),
      Quantity(key: "backward_ms", title: "backward, ms", isTime: true),
      Quantity(key: "tape_kb", title: "memory between the passes, kB"),
      Quantity(key: "tape_nodes", title: "nodes of the tape"),
      Quantity(key: "peak_kb", title: "peak memory, kB"),
    ],
    charts: [
      cost("forward_ms", "Forward pass", "time", "ms"),
      cost("backward_ms", "Backward pass", "time", "ms"),
      cost("tape_kb", "Memory between the passes", "memory", "kB"),
      cost("peak_kb", "Peak memory", "memory", "kB"),
    ],
    slopes: [
      ("forward_ms", false), ("backward_ms", false), ("tape_kb", false), ("peak_kb", false),
    ],
    work: .passes)

  private static func cost(
    _ key: String, _ title: String, _ label: String, _ unit: String
  ) -> ExperimentChart {
    ExperimentChart(
      key: key, title: title, against: .arms("iterations"), axis: (label, unit))
  }
}
