import NeuralLayers
import Tensors

/// The Adam optimiser (Kingma and Ba 2015).
///
/// ```swift
/// var optimizer = Adam()
/// let table = try gradients(of: loss)
/// optimizer.step(model.namedParameters, gradients: table) { name in
///   name.hasPrefix("dvae.") ? 3e-4 : 1e-4
/// }
/// ```
/// Parameters without a gradient are left as they are, and so are their moments.
public struct Adam: Sendable {
  /// The decay of the mean gradient and of the mean squared gradient; default 0.9 and 0.999.
  public let betas: (Double, Double)
  /// What keeps the quotient defined; default 1e-8.
  public let epsilon: Double
  /// The number of steps taken.
  public private(set) var stepCount: Int
  private var moments: [String: AdamMoments]

  /// An optimiser before its first step.
  public init(betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8) {
    self.init(betas: betas, epsilon: epsilon, stepCount: 0, moments: [:])
  }

  init(
    betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, stepCount: Int,
    moments: [String: AdamMoments]
  ) {
    expect(
      (0..<1).contains(betas.0) && (0..<1).contains(betas.1) && epsilon > 0,
      "Adam needs betas in [0, 1) and a positive epsilon, not \(betas) and \(epsilon)")
    self.betas = betas
    self.epsilon = epsilon
    self.stepCount = stepCount
    self.moments = moments
  }

  /// Changes every parameter that has a gradient.
  ///
  /// - Parameters:
  ///   - parameters: with their names, under which their moments are kept; one that occurs under
  ///     several names is changed once, under the first.
  ///   - gradients: of the loss.
  ///   - scale: multiplies every gradient; default 1. This is how clipping enters.
  ///   - rate: the learning rate of a parameter by its name.
  public mutating func step(
    _ parameters: [NamedParameter], gradients: Gradients, scale: Double = 1,
    rate: (String) -> Double
  ) {
    stepCount += 1
    let parameters = parameters.eachOnce
    var updates: [Update] = []
    for entry in parameters {
      let value = entry.parameter.tensor
      guard let gradient = gradients[value] else { continue }
      updates.append(
        Update(
          value: value, gradient: gradient, rate: rate(entry.name),
          moments: moments.removeValue(forKey: entry.name) ?? AdamMoments(for: value)))
    }
    let (betas, epsilon, step) = (betas, epsilon, stepCount)
    updates.withUnsafeMutableBufferPointer { updates in
      // Each part changes its own element.
      nonisolated(unsafe) let updates = updates
      _ = Workers.map(updates.count) {
        updates[$0].apply(scale: scale, betas: betas, epsilon: epsilon, step: step)
      }
    }
    var done = updates.makeIterator()
    for entry in parameters where gradients[entry.parameter.tensor] != nil {
      guard let update = done.next() else { break }
      entry.parameter.assign(update.value)
      moments[entry.name] = update.moments
    }
  }

  /// What changes one parameter.
  private struct Update {
    var value: Tensor
    let gradient: Tensor
    let rate: Double
    var moments: AdamMoments

    mutating func apply(scale: Double, betas: (Double, Double), epsilon: Double, step: Int) {
      value = moments.step(
        value, gradient: gradient, scale: scale, rate: rate, betas: betas, epsilon: epsilon,
        step: step)
    }
  }

  /// The moments by parameter, in the order of their names.
  var namedMoments: [(name: String, moments: AdamMoments)] {
    moments.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
