import ObjectCentric
import Tensors
import Training

extension RunConfiguration {
  /// The number of steps in an epoch; images that do not fill a batch are left out.
  func stepsPerEpoch(of loader: BatchLoader) -> Int {
    max(1, loader.batchesPerEpoch / accumulate)
  }

  /// The temperature of the relaxed tokens after a number of steps.
  func temperature(at step: Int) -> Double {
    Schedule.cosine(from: tauStart, to: tauFinal, steps: tauSteps)(step)
  }

  /// Noise for a batch.
  ///
  /// If the dVAE is trained first, slots are trained on its most probable tokens.
  func noise(
    batch: Int, dtype: DType = .float32, using generator: inout Philox
  ) -> SLATE.Noise {
    SLATE.Noise(batch: batch, model, drawsTargets: dvaeSteps == 0, dtype: dtype, using: &generator)
  }

  /// The part of the model that is trained after a number of steps.
  func trainedPart(at step: Int) -> TrainedPart {
    step < dvaeSteps ? .autoencoder : dvaeSteps > 0 ? .slots : .everything
  }
}

/// The part of the model that a training step changes.
enum TrainedPart: Sendable {
  /// The whole model, as published.
  case everything
  /// Only the dVAE.
  case autoencoder
  /// Everything except the dVAE.
  case slots
}
