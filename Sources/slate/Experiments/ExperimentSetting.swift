import ArgumentParser
import ObjectCentric

/// The size of an experiment's runs.
enum ExperimentScale: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// Some minutes for a run on one core of a laptop.
  case small
  /// The size of the paper's runs: 250,000 steps at 64 x 64.
  case paper

  /// The steps of a run.
  var steps: Int { self == .small ? 2000 : 250_000 }

  /// The number of seeds: runs that differ in nothing else.
  var seeds: Int { self == .small ? 3 : 5 }
}

/// The values from which the arms of an experiment are made.
struct ExperimentSetting: Sendable {
  var scale = ExperimentScale.small
  /// The steps of a run; nil for those of the scale.
  var steps: Int?
  /// The images; generated scenes unless they are given.
  var data: [DataSource] = []
  /// Whether weights for the Frechet inception distance were given.
  var hasInception = false

  /// The configuration with which all runs of all experiments begin; the sizes of experiments are
  /// set only here.
  ///
  /// The published tricks are on: clipping, a warm-up over 12% of the steps, and decay. The arms of
  /// an experiment differ from it only in the gradient and in the tricks that they name, so that no
  /// method is tuned more than another.
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
      result.tauFinal = 0.1
      result.clip = 1
      result.patience = 4
      result.valEvery = max(10, steps / 10)
    }
    result.steps = steps
    result.lrWarmupSteps = steps * 12 / 100
    if scale == .paper {
      result.tauSteps = steps * 12 / 100
    } else {
      // The dVAE is trained first, as in the quick start.
      result.dvaeSteps = steps / 4
      result.tauSteps = result.dvaeSteps
    }
    result.probeEvery = max(10, steps / 20)
    return result
  }

  /// The images of an experiment that uses one data set.
  var source: DataSource { sources[0] }

  /// The images of each data set on its own.
  var sources: [DataSource] { data.isEmpty ? [generatedScenes(.plain)] : data }

  /// Generated scenes, in a number that fits the scale.
  func generatedScenes(_ style: SceneStyle) -> DataSource {
    var generated = DataSource()
    generated.setScenes(style)
    // An epoch has a hundred steps, so that the decay of the rates, which counts epochs, can act.
    generated.limit = scale == .small ? 1600 : nil
    return generated
  }

  /// The base configuration with changes.
  func configuration(_ change: (inout RunConfiguration) -> Void) -> RunConfiguration {
    var result = base
    change(&result)
    return result
  }
}

extension RunConfiguration {
  /// The base configuration, differentiated through its iterations.
  mutating func unroll() { gradient = .unrolled }
}

extension GradientChoice {
  /// Differentiation through all iterations.
  static let unrolled = GradientChoice(description: "unrolled", value: .unrolled)
}
