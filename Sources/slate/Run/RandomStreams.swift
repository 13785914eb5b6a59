import Tensors

/// The independent random streams of a run, all determined by its seed.
///
/// The random numbers of a step depend on seed, step and sample, and not on threads, workers or
/// earlier events: a resumed run draws the same numbers as an uninterrupted one.
struct RandomStreams {
  private let root: Philox

  init(seed: UInt64) { root = Philox(seed: seed) }

  /// The stream of the initial weights.
  var weights: Philox { root.substream(0) }
  /// The stream of the noise and dropout of a step.
  func noise(step: Int) -> Philox { root.substream(1).substream(UInt64(step)) }
  /// The stream of the validation noise, which is the same each time, so that validations can be
  /// compared.
  var validation: Philox { root.substream(2) }
}
