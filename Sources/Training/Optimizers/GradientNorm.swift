import NeuralLayers
import Tensors

/// The size of a model's gradient.
public struct GradientNorm: Sendable, Equatable {
  /// The largest magnitude of any entry: the infinity norm.
  public let infinity: Double
  /// The square root of the sum of squares over all entries.
  public let euclidean: Double
  /// The first parameter, in the model's order, whose gradient is not finite.
  public let firstNonFinite: String?

  /// Measures the gradients of `parameters`, each parameter once; a parameter without a gradient
  /// counts as zero.
  public init(of parameters: [NamedParameter], in gradients: Gradients) {
    let parameters = parameters.eachOnce
    var (largest, squares) = (0.0, 0.0)
    var culprit: String?
    let norms = Workers.map(parameters.count) { index -> (largest: Double, euclidean: Double)? in
      gradients[parameters[index].parameter.tensor].map {
        ($0.largestMagnitude, $0.reshaped([1, $0.count]).normsOfSamples[0])
      }
    }
    for (entry, norm) in zip(parameters, norms) {
      guard let norm else { continue }
      if !norm.largest.isFinite, culprit == nil { culprit = entry.name }
      largest = norm.largest.isNaN ? .nan : max(largest, norm.largest)
      squares += norm.euclidean * norm.euclidean
    }
    infinity = largest
    euclidean = squares.squareRoot()
    firstNonFinite = culprit
  }

  /// The factor that reduces the infinity norm to `bound`; 1 if the norm is already below it.
  ///
  /// As in SLATE's training code, the factor is bound / (norm + 1e-6).
  public func clippingFactor(bound: Double) -> Double {
    min(1, bound / (infinity + 1e-6))
  }

  /// The factor that reduces the Euclidean norm to `bound`; 1 if the norm is already below it.
  ///
  /// The usual clipping (Pascanu, Mikolov and Bengio 2013), with the factor bound / (norm + 1e-6).
  public func clippingFactor(euclideanBound bound: Double) -> Double {
    min(1, bound / (euclidean + 1e-6))
  }
}
