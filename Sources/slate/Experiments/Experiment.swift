import Foundation

/// An experiment: which runs it is made of, what is measured of them, and how that is shown.
///
/// ```swift
/// let plan = try ExperimentPlan(.solvers, ExperimentSetting(scale: .small), seeds: 3)
/// ```
/// It is a value without behaviour: `ExperimentEngine` makes the runs of any of them, and
/// `ExperimentReport` their tables and charts.
struct Experiment: Sendable {
  /// What the command line calls it.
  let name: String
  /// What it shows, in a sentence.
  let shows: String
  /// Where the published results stand.
  let source: String
  /// The published results, a line each.
  var published: [String] = []
  /// What is compared.
  let arms: @Sendable (ExperimentSetting) -> [Arm]
  /// The columns of the table.
  let quantities: [Quantity]
  /// What is drawn.
  var charts: [ExperimentChart] = []
  /// The quantities whose growth with an arm's `x` is fitted, by the base-10 logarithm where that is
  /// said.
  var slopes: [(key: String, isLogarithmic: Bool)] = []
  /// How many times slot attention is applied when the trained model is measured, besides as often as
  /// in training.
  var testIterations: @Sendable (Arm) -> [Int] = { _ in [] }
  /// What a run is.
  var work = Work.training
  /// Whether each data set is an experiment of its own.
  var takesSeveralDataSets = false

  /// What is done for an arm and a seed.
  enum Work: Sendable {
    /// A model is trained and measured.
    case training
    /// Passes through slot attention of a model that was not trained are timed.
    case passes
  }

  /// Every experiment.
  static let all: [Experiment] = [
    .complexity, .solvers, .tricks, .iterations, .datasets, .estimators,
  ]

  /// The one of a name; nil if there is none.
  static func named(_ name: String) -> Experiment? { all.first { $0.name == name } }
}

/// One thing that is compared with others; it is run once for each seed.
struct Arm: Sendable {
  /// What tables call it.
  let label: String
  /// What charts call the line that it is a point of, or the line that it is.
  var group: String
  /// Where on that line it stands.
  var x: Double?
  /// All that decides a run but the seed.
  let configuration: RunConfiguration
  /// The images.
  var data: DataSource
  /// What was published for it, by quantity.
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

  /// The label as a part of a folder's name.
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
