import ArgumentParser
import ObjectCentric

/// How large the runs of an experiment are.
enum ExperimentScale: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// Minutes a run on one core of a laptop.
  case small
  /// The paper's: 250,000 steps at 64 x 64.
  case paper

  /// The steps of a run.
  var steps: Int { self == .small ? 2000 : 250_000 }

  /// The runs that differ in nothing but the seed.
  var seeds: Int { self == .small ? 3 : 5 }
}

/// What the arms of an experiment are made from.
struct ExperimentSetting: Sendable {
  var scale = ExperimentScale.small
  /// The steps of a run; nil for those of the scale.
  var steps: Int?
  /// The images; generated scenes unless they are given.
  var data: [DataSource] = []
  /// Whether the weights of a network for the Frechet inception distance are there.
  var hasInception = false

  /// What all runs of all experiments begin with: the one place where an experiment's sizes stand.
  ///
  /// Published tricks are on: clipping, a warm-up over 12% of the steps and decay. An experiment's arms
  /// differ from it in the gradient, and in tricks that it names, alone: no method is tuned and
  /// another is not.
  var base: RunConfiguration {
    let steps = steps ?? scale.steps
    var result: RunConfiguration
    switch scale {
    case .paper:
      result = Preset.paper64.configuration
      result.valEvery = max(10, steps / 50)
    case .small:
      result = Preset.quickstart.configuration
      result.slotInit = .random
      result.straightThrough = false
      result.iterations = 7
      result.clip = 1
      result.patience = 4
      result.valEvery = max(10, steps / 10)
    }
    result.steps = steps
    result.lrWarmupSteps = steps * 12 / 100
    if scale == .paper {
      result.tauSteps = steps * 12 / 100
    } else {
      // The dVAE comes first, as in the quick start.
      result.dvaeSteps = steps / 4
      result.tauSteps = result.dvaeSteps
    }
    result.probeEvery = max(10, steps / 20)
    return result
  }

  /// The images of an experiment that looks at one data set.
  var source: DataSource { sources[0] }

  /// The images, each set on its own.
  var sources: [DataSource] { data.isEmpty ? [generatedScenes(.plain)] : data }

  /// Scenes in a number that fits the scale.
  func generatedScenes(_ style: SceneStyle) -> DataSource {
    var generated = DataSource()
    generated.setScenes(style)
    // Epochs of a hundred steps, so that the decay of the rates, which counts epochs, can act.
    generated.limit = scale == .small ? 1600 : nil
    return generated
  }

  /// The base with changes.
  func configuration(_ change: (inout RunConfiguration) -> Void) -> RunConfiguration {
    var result = base
    change(&result)
    return result
  }
}

extension RunConfiguration {
  /// Differentiated through its iterations.
  mutating func unroll() { gradient = .unrolled }
}

extension GradientChoice {
  /// Through all iterations.
  static let unrolled = GradientChoice(description: "unrolled", value: .unrolled)
}
