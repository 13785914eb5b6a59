import Foundation
import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing
import Training

/// Given names and statistics in the files of checkpoints.
@Suite struct CheckpointNameTests {
  /// As it was before its properties got names of their own.
  private struct OldCell: Module {
    let weightIh: Parameter
    let weightHh: Parameter
    let biasIh: Parameter
    let biasHh: Parameter
  }

  @Test("a checkpoint from before a property was renamed still loads, moments too")
  func renamed() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "names.safetensors")
    let old = OldCell(
      weightIh: Parameter(testTensor([9, 5], seed: 1, dtype: .float32)),
      weightHh: Parameter(testTensor([9, 3], seed: 2, dtype: .float32)),
      biasIh: Parameter(testTensor([9], seed: 3, dtype: .float32)),
      biasHh: Parameter(testTensor([9], seed: 4, dtype: .float32)))
    var optimizer = Adam()
    let table = try gradients(
      of: old.weightIh.tensor.square().sum() + old.biasHh.tensor.square().sum())
    optimizer.step(old.namedParameters, gradients: table) { _ in 0.1 }
    try Checkpoint(of: old, optimizer: optimizer).write(to: url)

    var random = Philox(seed: 5)
    let cell = GRUCell(5, 3, using: &random)
    let checkpoint = try Checkpoint(contentsOf: url)
    try checkpoint.restore(cell)
    #expect(cell.inputWeight.tensor.scalars == old.weightIh.tensor.scalars)
    #expect(cell.stateWeight.tensor.scalars == old.weightHh.tensor.scalars)
    #expect(cell.inputBias.tensor.scalars == old.biasIh.tensor.scalars)
    #expect(cell.stateBias.tensor.scalars == old.biasHh.tensor.scalars)
    var restored = Adam()
    try checkpoint.restore(&restored, for: cell)
  }

  @Test("running statistics are saved and restored, and the optimiser leaves them alone")
  func statistics() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "names.safetensors")
    let norm = BatchNorm(3)
    let x = testTensor([8, 3], scale: 2, offset: 1, dtype: .float32)
    let context = LayerContext.training()
    let table = try gradients(of: norm(x, in: context).square().sum())
    context.statistics.commit()
    let before = [norm.runningMean, norm.runningVariance, norm.batchCount].map(\.tensor.scalars)
    var optimizer = Adam()
    optimizer.step(norm.namedParameters, gradients: table) { _ in 0.1 }
    #expect(norm.weight.tensor.scalars != [1, 1, 1])
    #expect(
      [norm.runningMean, norm.runningVariance, norm.batchCount].map(\.tensor.scalars) == before)

    try Checkpoint(of: norm, optimizer: optimizer).write(to: url)
    let restored = BatchNorm(3)
    try Checkpoint(contentsOf: url).restore(restored)
    let (a, b) = (norm(x, in: .evaluation), restored(x, in: .evaluation))
    #expect(a.scalars == b.scalars)
    #expect(restored.batchCount.tensor.scalar == 1)
  }
}
