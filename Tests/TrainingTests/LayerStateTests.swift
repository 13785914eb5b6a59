import Foundation
import NeuralLayers
import Tensors
import TestFolders
import Testing
import Training

/// State of a layer that is not trained: the vector of a spectral normalisation.
@Suite struct LayerStateTests {
  private func layer(seed: UInt64) -> SpectrallyNormalized<Linear> {
    var generator = Philox(seed: seed)
    let linear = Linear(4, 3, using: &generator)
    return SpectrallyNormalized(linear, bound: 0.9, iterations: 2, using: &generator)
  }

  @Test("training leaves it alone, and a checkpoint brings it back")
  func savedAndRestored() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "state.safetensors")
    let model = layer(seed: 1)
    let x = Tensor([1, -2, 3, 0.5], shape: [1, 4])
    let before = model.singularVector.tensor.scalars
    var optimizer = Adam()
    let table = try gradients(of: model(x).square().sum())
    optimizer.step(model.namedParameters, gradients: table) { _ in 0.01 }
    #expect(model.singularVector.tensor.scalars == before)
    model.iterate()
    #expect(model.singularVector.tensor.scalars != before)

    try Checkpoint(of: model, optimizer: optimizer).write(to: url)
    let restored = layer(seed: 2)
    #expect(restored(x).scalars != model(x).scalars)
    let checkpoint = try Checkpoint(contentsOf: url)
    try checkpoint.restore(restored)
    #expect(restored(x).scalars == model(x).scalars)
    #expect(restored.singularVector.tensor.scalars == model.singularVector.tensor.scalars)
    try checkpoint.restore(&optimizer, for: restored)
    restored.iterate()
    model.iterate()
    #expect(restored(x).scalars == model(x).scalars)
  }
}
