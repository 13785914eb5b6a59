import Tensors

/// Inputs and their classes, in memory.
///
/// ```swift
/// let data = LabeledTensors(inputs: images, labels: digits)   // [1797, 8, 8, 1] and [1797]
/// let (training, held) = data.split(0.8, seed: 0)
/// ```
/// A batch is the pair of tensors of its examples: inputs [batch, ...] and labels [batch]. It is gathered
/// when it is taken; no thread reads ahead.
public struct LabeledTensors: Dataset {
  /// A pair of tensors with the examples along axis 0.
  public typealias Batch = (inputs: Tensor, labels: IntTensor)

  /// The inputs, [examples, ...].
  public let inputs: Tensor
  /// The class of each example, [examples].
  public let labels: IntTensor

  /// Tensors whose axis 0 is the examples.
  ///
  /// - Parameters:
  ///   - inputs: [examples, ...].
  ///   - labels: [examples], for example the number of a class.
  ///
  /// Stops when they are not as many.
  public init(inputs: Tensor, labels: IntTensor) {
    expect(
      inputs.rank >= 1 && labels.shape == [inputs.shape[0]],
      "labels of shape \(labels.shape) do not fit inputs of shape \(inputs.shape): there is one for "
        + "each element of axis 0")
    self.inputs = inputs.detached()
    self.labels = labels
  }

  /// The number of examples.
  public var count: Int { labels.count }
  /// None: everything is in memory.
  public var readingThreads: Int { 0 }
  /// The index: examples are gathered by the batch.
  public func example(_ index: Int) -> Int { index }
  /// The rows of inputs and labels with these indices: one pass over what is gathered.
  public func batch(of examples: [Int]) -> Batch {
    let positions = IntTensor(examples)
    return (inputs.gathered(positions), labels[positions])
  }
  /// All of the examples as one batch.
  public var all: Batch { (inputs, labels) }
}
