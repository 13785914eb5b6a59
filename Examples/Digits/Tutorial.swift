import DataLoading
import Foundation
import ImplicitLayers
import NeuralLayers
import Tensors
import Training

/// From data to saved weights: Docs/Tutorials/YourOwnModel.md.
func yourOwnModel() throws {
  let examples = try DigitData().examples
  // snippet.data
  let (training, held) = examples.split(0.75, seed: 0)
  let loader = DataLoader(training, batchSize: 32, seed: 1)
  let first = try loader.batches().nextOfAnyEpoch()
  print("a batch:", first.inputs.shape, first.labels.shape)
  print(training.count, "to train on,", held.count, "held out,", loader.batchesPerEpoch, "batches")
  // snippet.model
  var random = Philox(seed: 1)
  let model = DigitClassifier(using: &random)
  print(model.namedParameters.map(\.name))
  print(model.parameterCount, "parameters")
  // snippet.score
  func accuracy() throws -> Double {
    let logits = try withoutRecording { try model(held.all.inputs) }
    let right = logits.argmax(alongAxis: -1) .== held.all.labels
    return Double(right.trueCount) / Double(held.count)
  }
  print("before training, more than a third right:", try accuracy() > 0.34)
  // snippet.loop
  let steps = 8 * loader.batchesPerEpoch
  let rate: Schedule = 4e-3 * .warmup(steps: 10) * .cosine(from: 1, to: 0.05, steps: steps)
  var optimizer = AdamW(rate: rate, rules: [.weightDecay(0, for: "*.bias")])
  var average = ExponentialMovingAverage(of: model, decay: 0.95)
  let batches = loader.batches()
  for step in 1...steps {
    let (images, digits) = try batches.nextOfAnyEpoch()
    let loss = try model(images).crossEntropy(targets: digits).mean()
    let table = try gradients(of: loss)
    let norm = GradientNorm(of: model.namedParameters, in: table)
    guard norm.infinity.isFinite else { fatalError("step \(step): \(norm.firstNonFinite ?? "")") }
    optimizer.step(model, gradients: table, scale: norm.clippingFactor(bound: 1))
    average.update(from: model)
  }
  print("after \(optimizer.stepCount) steps, 95 % right:", try accuracy() > 0.95)
  // snippet.average
  print("with averaged weights:", try average.withAverages(in: model) { try accuracy() } > 0.95)
  let solution = try model.cell.solve(held.all.inputs)
  print("every image has its fixed point:", solution.report.converged)
  // snippet.save
  let folder = FileManager.default.temporaryDirectory.appending(path: "digits-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let url = folder.appending(path: "digits.safetensors")
  let place = String(decoding: try JSONEncoder().encode(batches.place), as: UTF8.self)
  try Checkpoint(of: model, optimizer: optimizer, average: average, metadata: ["place": place])
    .write(to: url)
  // snippet.load
  let checkpoint = try Checkpoint(contentsOf: url)
  let loaded = DigitClassifier(using: &random)
  try checkpoint.restore(loaded)
  let same = try loaded(first.inputs).scalars == model(first.inputs).scalars
  print("the loaded model gives the same logits:", same)
  // snippet.resume
  var resumed = AdamW(rate: rate, rules: [.weightDecay(0, for: "*.bias")])
  try checkpoint.restore(&resumed, for: loaded)
  let saved = Data((checkpoint.metadata["place"] ?? "").utf8)
  let rest = loader.batches(from: try JSONDecoder().decode(LoaderPlace.self, from: saved))
  print("goes on at step \(resumed.stepCount), epoch \(rest.place.epoch)")
  func step(
    _ model: DigitClassifier, _ optimizer: inout AdamW, _ batches: Batches<Subset<LabeledTensors>>
  ) throws {
    let (images, digits) = try batches.nextOfAnyEpoch()
    let loss = try model(images).crossEntropy(targets: digits).mean()
    optimizer.step(model, gradients: try gradients(of: loss))
  }
  for _ in 0..<3 {
    try step(model, &optimizer, batches)
    try step(loaded, &resumed, rest)
  }
  let bitwise = loaded.output.weight.tensor.scalars == model.output.weight.tensor.scalars
  print("three steps on, bit by bit the same:", bitwise)
  // snippet.part
  let other = DigitClassifier(using: &random)
  try checkpoint.part(under: "cell").restore(other.cell)
  let before = other.cell.recurrence.weight.tensor.scalars
  var tuning = SGD(rate: 0.1, momentum: .nesterov(0.9), rules: [.frozen(.of(other.cell))])
  let features = try withoutRecording { try other.cell(first.inputs).reshaped([32, 1024]) }
  for _ in 0..<20 {
    let loss = other.output(features).crossEntropy(targets: first.labels).mean()
    tuning.step(other, gradients: try gradients(of: loss))
  }
  let isFrozen = other.cell.recurrence.weight.tensor.scalars == before
  print("only the new head was trained:", isFrozen)
  // snippet.wrong
  do {
    struct Renamed: Module {
      let features: EquilibriumCell, head: Linear
    }
    try checkpoint.restore(Renamed(features: other.cell, head: other.output))
  } catch let error as SafetensorsError {
    print(error.reason + ";\n  " + error.remedy)
  }
  // snippet.end
}
