/// Tensors and numbers that belong to the samples of a batch: a solver's history, a window of
/// vectors, a point to return to.
///
/// ```swift
/// struct Momentum: PerSample {
///   var velocity: Tensor?                  // [batch, n]
///   var failures: [Int] = []               // one per sample
///   mutating func visit(_ visitor: inout some SampleVisitor) {
///     visitor.visit(&velocity)
///     visitor.visit(&failures)
///   }
/// }
/// ```
/// Three operations follow from this one requirement: restriction to some of the samples
/// (`samples`), cutting off the tape (`detached`), and exchanging every tensor for another of the
/// same value (`replacingTensors`). Properties that do not belong to samples, such as a step count,
/// are not visited.
public protocol PerSample {
  /// Shows every tensor and every array of numbers to the visitor, always in the same order.
  mutating func visit(_ visitor: inout some SampleVisitor)
}

/// An operation on the parts of a value that belongs to the samples of a batch.
public protocol SampleVisitor {
  /// Reads, and may exchange, a tensor [batch, ...].
  mutating func visit(_ tensor: inout Tensor)
  /// Reads, and may exchange, numbers: `width` of them for each sample, or none at all.
  mutating func visit<Value>(_ values: inout [Value], width: Int)
  /// The visitor for a part that belongs to some of the samples only, which are at these positions.
  func ofSamples(_ positions: [Int]) -> Self
}

extension SampleVisitor {
  /// Visits numbers of which each sample has one.
  public mutating func visit<Value>(_ values: inout [Value]) { visit(&values, width: 1) }

  /// Visits a part that itself belongs to samples.
  public mutating func visit<Part: PerSample>(_ part: inout Part) { part.visit(&self) }
}

extension PerSample {
  /// The part that belongs to the samples at the given positions of the batch, in their order.
  public func samples(_ positions: [Int]) -> Self {
    var (copy, visitor) = (self, Selection(positions: positions))
    copy.visit(&visitor)
    return copy
  }

  /// The same values as constants: nothing is differentiated through them.
  public func detached() -> Self { replacingTensors { $0.detached() } }

  /// Every tensor, in the order of the visit.
  public var tensors: [Tensor] {
    var found: [Tensor] = []
    _ = replacingTensors { tensor in
      found.append(tensor)
      return tensor
    }
    return found
  }

  /// A copy in which every tensor is exchanged for another of its shape and values.
  public func replacingTensors(_ exchange: (Tensor) -> Tensor) -> Self {
    replacingTensorsOfSamples { tensor, _ in exchange(tensor) }
  }

  /// A copy in which every tensor is exchanged; the exchange is told to which samples the tensor
  /// belongs.
  ///
  /// - Parameter exchange: gets a tensor and the positions of its samples in the batch, nil for all
  ///   samples.
  /// - Returns: the copy with other tensors.
  public func replacingTensorsOfSamples(
    _ exchange: (_ tensor: Tensor, _ positions: [Int]?) -> Tensor
  ) -> Self {
    withoutActuallyEscaping(exchange) { exchange in
      var (copy, visitor) = (self, Exchange(exchange: exchange))
      copy.visit(&visitor)
      return copy
    }
  }
}

private struct Selection: SampleVisitor {
  let positions: [Int]

  mutating func visit(_ tensor: inout Tensor) { tensor = tensor.samples(positions) }

  mutating func visit<Value>(_ values: inout [Value], width: Int) {
    guard !values.isEmpty else { return }
    values = positions.flatMap { values[$0 * width..<($0 + 1) * width] }
  }

  func ofSamples(_ part: [Int]) -> Selection {
    var places = [Int?](repeating: nil, count: (part.max() ?? -1) + 1)
    for (place, position) in part.enumerated() { places[position] = place }
    return Selection(positions: positions.compactMap { $0 < places.count ? places[$0] : nil })
  }
}

private struct Exchange: SampleVisitor {
  let exchange: (Tensor, [Int]?) -> Tensor
  var positions: [Int]?

  mutating func visit(_ tensor: inout Tensor) { tensor = exchange(tensor, positions) }
  mutating func visit<Value>(_ values: inout [Value], width: Int) {}

  func ofSamples(_ part: [Int]) -> Exchange {
    Exchange(exchange: exchange, positions: positions.map { all in part.map { all[$0] } } ?? part)
  }
}

extension Tensor: PerSample {
  /// Shows the tensor itself to the visitor.
  public mutating func visit(_ visitor: inout some SampleVisitor) { visitor.visit(&self) }
}

extension Optional: PerSample where Wrapped: PerSample {
  /// Shows the wrapped value to the visitor, if there is one.
  public mutating func visit(_ visitor: inout some SampleVisitor) { self?.visit(&visitor) }
}

/// The history of a solver that keeps none.
public struct NoHistory: PerSample, Sendable {
  /// An empty history.
  public init() {}
  /// Shows the visitor nothing.
  public mutating func visit(_ visitor: inout some SampleVisitor) {}
}
