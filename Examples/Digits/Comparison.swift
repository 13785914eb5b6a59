import DataLoading
import Foundation
import Images
import ImplicitLayers
import NeuralLayers
import Tensors
import Training

/// The deep-equilibrium classifier, differentiated implicitly and by unrolling, beside a plain network of
/// the same size: accuracy, time and memory.
struct Comparison {
  var epochs = 10
  var seeds: [UInt64] = [0, 1, 2]
  let training: Subset<LabeledTensors>
  let held: LabeledTensors.Batch

  /// A kind of network, and what was measured of it.
  struct Row {
    let name: String
    let estimator: (any BackwardEstimator)?
    var parameters = 0
    /// By seed and epoch.
    var accuracies: [[Double]] = []
    /// Processor time of loss and gradient.
    var stepSeconds: [Double] = []
    var peakBytes = 0
    /// Trained with the last seed.
    var model: DigitClassifier?
    var tapeBytes = 0
  }

  private static let kinds: [(String, (any BackwardEstimator)?)] = [
    ("equilibrium, implicit (GMRES)", .gmres(tolerance: 1e-2, dimension: 5)),
    ("equilibrium, one step", .oneStep), ("equilibrium, unrolled", .unrolled),
    ("plain, the same layers once", nil),
  ]

  init() throws {
    let (training, held) = try DigitData().examples.split(0.75, seed: 0)
    self.training = training
    self.held = held.all
  }

  /// Trains all kinds with all seeds, on one worker: threads that wait take processor time too.
  func measured() throws -> [Row] {
    Workers.count = 1
    var rows = Comparison.kinds.map { Row(name: $0.0, estimator: $0.1) }
    for seed in seeds {
      for index in rows.indices { try train(&rows[index], seed: seed) }
    }
    return rows
  }

  private func train(_ row: inout Row, seed: UInt64) throws {
    var random = Philox(seed: seed)
    var layers = DigitClassifier(using: &random)
    if let estimator = row.estimator { layers.cell.estimator = estimator }
    let model = layers
    let plain = PlainClassifier(layers: model)
    let isPlain = row.estimator == nil
    func logits(_ x: Tensor) throws -> Tensor { isPlain ? plain(x) : try model(x) }
    row.parameters = model.parameterCount

    let loader = DataLoader(training, batchSize: 32, seed: seed)
    let steps = epochs * loader.batchesPerEpoch
    var optimizer = AdamW(rate: 4e-3 * .cosine(from: 1, to: 0.05, steps: steps))
    let batches = loader.batches()
    var accuracies: [Double] = []
    for step in 1...steps {
      let batch = try batches.nextOfAnyEpoch()
      let (before, start) = (TensorMemory.liveBytes, clock())
      TensorMemory.resetPeak()
      let loss = try logits(batch.inputs).crossEntropy(targets: batch.labels).mean()
      let onTape = TensorMemory.liveBytes - before
      let table = try gradients(of: loss)
      row.stepSeconds.append(Double(clock() - start) / Double(CLOCKS_PER_SEC))
      (row.tapeBytes, row.peakBytes) = (
        max(row.tapeBytes, onTape), max(row.peakBytes, TensorMemory.peakBytes - before)
      )
      optimizer.step(model, gradients: table)
      guard step % loader.batchesPerEpoch == 0 else { continue }
      let guesses = try withoutRecording { try logits(held.inputs) }.argmax(alongAxis: -1)
      accuracies.append(Double((guesses .== held.labels).trueCount) / Double(held.labels.count))
    }
    row.accuracies.append(accuracies)
    row.model = model
  }

  /// What a trained model keeps between the passes for ever smaller tolerances, as a table in Markdown.
  func tapeByTolerance(_ trained: DigitClassifier) throws -> String {
    var model = trained
    let images = held.inputs[0..<32]
    var lines = [
      "| tolerance | evaluations | implicit, kB | unrolled, kB |", "| --- | --- | --- | --- |",
    ]
    for tolerance in [1e-2, 1e-3, 1e-4, 1e-5] {
      model.cell.stoppingRule = .tolerance(relative: tolerance, limit: 200)
      var (kilobytes, evaluations): ([Int], Int) = ([], 0)
      for estimator in [.gmres(), .unrolled] as [any BackwardEstimator] {
        model.cell.estimator = estimator
        let before = TensorMemory.liveBytes
        let solution = try model.cell.solve(images)
        kilobytes.append(
          withExtendedLifetime(solution) { TensorMemory.liveBytes - before } / 1000)
        evaluations = solution.report.evaluations
      }
      lines.append("| \(tolerance) | \(evaluations) | \(kilobytes[0]) | \(kilobytes[1]) |")
    }
    return lines.joined(separator: "\n")
  }

  /// A table in Markdown.
  static func table(_ rows: [Row]) -> String {
    let head = """
      | network | parameters | accuracy, % | ms a step | kB on the tape | kB at the peak |
      | --- | --- | --- | --- | --- | --- |
      """
    let lines = rows.map { row in
      let last = row.accuracies.compactMap(\.last).map { $0 * 100 }
      let mean = last.reduce(0, +) / Double(last.count)
      // With n - 1; 0 for one seed.
      let squares = last.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
      let spread = (squares / Double(max(last.count - 1, 1))).squareRoot()
      let median = row.stepSeconds.sorted()[row.stepSeconds.count / 2]
      return String(
        format: "| %@ | %d | %.2f ± %.2f | %.2f | %d | %d |", row.name as NSString, row.parameters,
        mean, spread, median * 1000, row.tapeBytes / 1000, row.peakBytes / 1000)
    }
    return ([head] + lines).joined(separator: "\n")
  }

  /// The error on held-out digits after each epoch: mean over seeds, in a band from lowest to highest.
  static func chart(_ rows: [Row]) -> LineChart {
    let series = rows.map { row in
      let epochs = row.accuracies[0].indices
      let errors = epochs.map { epoch in row.accuracies.map { (1 - $0[epoch]) * 100 } }
      return LineChart.Series(
        row.name,
        epochs.map { (Double($0 + 1), errors[$0].reduce(0, +) / Double(errors[$0].count)) },
        band: epochs.map { (Double($0 + 1), errors[$0].min() ?? 0, errors[$0].max() ?? 0) })
    }
    return LineChart(
      title: "8x8 digits: error on held-out images", x: .init("epoch"),
      y: .init("error", unit: "%", .logarithmic), series: series)
  }
}
