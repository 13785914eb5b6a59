import ObjectCentric
import Tensors
import Training

extension RunConfiguration {
  /// The number of steps in an epoch; what does not fill a batch is left out.
  func stepsPerEpoch(of loader: BatchLoader) -> Int {
    max(1, loader.batchesPerEpoch / accumulate)
  }

  /// The temperature of the relaxed tokens after a number of steps.
  func temperature(at step: Int) -> Double {
    Schedule.cosine(from: tauStart, to: tauFinal, steps: tauSteps)(step)
  }

  /// Noise for a batch.
  ///
  /// Where the dVAE is trained first, what slots are trained on are its likeliest tokens.
  func noise(
    batch: Int, dtype: DType = .float32, using generator: inout Philox
  ) -> SLATE.Noise {
    SLATE.Noise(batch: batch, model, drawsTargets: dvaeSteps == 0, dtype: dtype, using: &generator)
  }

  /// What a step trains after a number of steps.
  func trainedPart(at step: Int) -> TrainedPart {
    step < dvaeSteps ? .autoencoder : dvaeSteps > 0 ? .slots : .everything
  }
}

/// What a step of training changes.
enum TrainedPart: Sendable {
  /// All of the model, as published.
  case everything
  /// The dVAE alone.
  case autoencoder
  /// All but the dVAE.
  case slots
}
