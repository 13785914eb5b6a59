import Tensors

/// The independent random streams of a run, all determined by its seed.
///
/// What a step draws depends on seed, step and sample, not on threads, workers or what happened
/// before: a resumed run draws what an uninterrupted one would have drawn.
struct RandomStreams {
  private let root: Philox

  init(seed: UInt64) { root = Philox(seed: seed) }

  /// Initial weights.
  var weights: Philox { root.substream(0) }
  /// The noise and dropout of a step.
  func noise(step: Int) -> Philox { root.substream(1).substream(UInt64(step)) }
  /// The noise of validation: the same each time, so that validations compare.
  var validation: Philox { root.substream(2) }
}
