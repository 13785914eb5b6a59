import Foundation

/// An experiment: the runs that it is made of, the quantities that are measured, and how they are
/// shown.
///
/// ```swift
/// let plan = try ExperimentPlan(.solvers, ExperimentSetting(scale: .small), seeds: 3)
/// ```
/// It is a value without behaviour: for every experiment, `ExperimentEngine` makes the runs and
/// `ExperimentReport` writes the tables and charts.
struct Experiment: Sendable {
  /// The name on the command line.
  let name: String
  /// What the experiment shows, in one sentence.
  let shows: String
  /// The place of the published results.
  let source: String
  /// The published results, one per line.
  var published: [String] = []
  /// The arms that are compared.
  let arms: @Sendable (ExperimentSetting) -> [Arm]
  /// The columns of the table.
  let quantities: [Quantity]
  /// The charts that are drawn.
  var charts: [ExperimentChart] = []
  /// The quantities whose growth with an arm's `x` is fitted; those marked so are fitted by their
  /// base-10 logarithm.
  var slopes: [(key: String, isLogarithmic: Bool)] = []
  /// The numbers of iterations with which the trained model is measured, in addition to that of
  /// training.
  var testIterations: @Sendable (Arm) -> [Int] = { _ in [] }
  /// The kind of work that a run does.
  var work = Work.training
  /// Whether the experiment is repeated for each data set.
  var takesSeveralDataSets = false

  /// The work for one arm and one seed.
  enum Work: Sendable {
    /// A model is trained and measured.
    case training
    /// Passes through slot attention of a model that was not trained are timed.
    case passes
  }

  /// All experiments.
  static let all: [Experiment] = [
    .complexity, .solvers, .tricks, .iterations, .datasets, .estimators,
  ]

  /// The experiment with a name; nil if there is none.
  static func named(_ name: String) -> Experiment? { all.first { $0.name == name } }
}

/// One of the alternatives that are compared; it is run once for each seed.
struct Arm: Sendable {
  /// The name in tables.
  let label: String
  /// The name of the line in charts that the arm is a point of, or that the arm is.
  var group: String
  /// The position of the arm on that line.
  var x: Double?
  /// All values that determine a run, except the seed.
  let configuration: RunConfiguration
  /// The images.
  var data: DataSource
  /// The published values for this arm, by quantity.
  var published: [String: String] = [:]

  init(
    _ label: String, _ configuration: RunConfiguration, _ data: DataSource, group: String? = nil,
    x: Double? = nil, published: [String: String] = [:]
  ) {
    self.label = label
    self.group = group ?? label
    self.x = x
    self.configuration = configuration
    self.data = data
    self.published = published
  }

  /// The label as a part of a folder's name; several labels may have the same.
  var folderName: String {
    label.lowercased().replacing(/[^a-z0-9.]+/, with: "-").trimmingCharacters(in: ["-"])
  }
}

/// A measured quantity, a column of a table.
struct Quantity: Sendable, Equatable {
  /// Its name in files.
  let key: String
  /// The column's title.
  let title: String
  /// Whether it depends on how fast the machine was, so that no two repetitions agree.
  var isTime = false

  static let crossEntropy = Quantity(key: "val_cross_entropy", title: "cross-entropy")
  static let reconstruction = Quantity(
    key: "reconstruction_mse", title: "MSE through the slots")
  static let dvae = Quantity(key: "val_mse", title: "dVAE's MSE")
  static let foreground = Quantity(key: "fg_ari", title: "FG-ARI")
  static let clusteredForeground = Quantity(key: "kmeans_fg_ari", title: "FG-ARI of k-means")
  static let overlap = Quantity(key: "miou", title: "mIoU")
  static let distance = Quantity(key: "fid", title: "FID")
  static let gradientNorm = Quantity(
    key: "slot_gradient_norm", title: "slots' gradient norm, median")
  static let largestGradientNorm = Quantity(
    key: "slot_gradient_norm_largest", title: "slots' gradient norm, largest")
  static let spectralNorm = Quantity(
    key: "jacobian_spectral_norm", title: "Jacobian's spectral norm, last")
  static let largestSpectralNorm = Quantity(
    key: "jacobian_spectral_norm_largest", title: "Jacobian's spectral norm, largest")
  static let cosine = Quantity(key: "adjoint_cosine", title: "cosine to the exact adjoint")
  static let secondsOfStep = Quantity(key: "seconds_step", title: "seconds a step", isTime: true)
}

/// A chart of an experiment.
struct ExperimentChart: Sendable {
  /// What the horizontal axis is.
  enum Against: Sendable {
    /// Steps of training.
    case steps
    /// Seconds of training.
    case seconds
    /// The arm's `x`, called so.
    case arms(String)
    /// How often slot attention is applied when the trained model is measured.
    case testIterations
  }

  let key: String
  let title: String
  let against: Against
  let axis: (label: String, unit: String?)
  var isLogarithmic = true

  /// Its file, without the ending.
  var fileName: String {
    let end =
      switch against {
      case .steps: ""
      case .seconds: "-by-seconds"
      case .arms(let name): "-by-\(name.replacing(" ", with: "-"))"
      case .testIterations: "-by-test-iterations"
      }
    return key.replacing("_", with: "-") + end
  }

  static let crossEntropy = ExperimentChart(
    key: "val_cross_entropy", title: "Cross-entropy in validation", against: .steps,
    axis: ("cross-entropy", "nats an image"))
  static let gradientNorm = ExperimentChart(
    key: "slot_gradient_norm", title: "Gradient of slot attention before clipping",
    against: .steps, axis: ("largest entry", nil))
  static let spectralNorm = ExperimentChart(
    key: "jacobian_spectral_norm", title: "Jacobian of slot attention", against: .steps,
    axis: ("spectral norm", nil))
}
