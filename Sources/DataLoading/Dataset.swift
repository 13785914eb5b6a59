import Foundation
import Tensors

/// A numbered collection of examples, and how some of them become a batch.
///
/// ```swift
/// struct Sentences: Dataset {
///   let files: [URL]
///   var count: Int { files.count }
///   func example(_ index: Int) throws -> String { try String(contentsOf: files[index], encoding: .utf8) }
///   func batch(of examples: [String]) -> [String] { examples }
///   func name(_ index: Int) -> String { files[index].path }
/// }
/// ```
/// The same index always gives the same example, on every thread and in every order of calls.
/// `LabeledTensors` and `FileDataset` are ready-made data sets.
public protocol Dataset: Sendable {
  /// The type of an example.
  associatedtype Example: Sendable
  /// The type of a batch, as training takes it.
  associatedtype Batch

  /// The number of examples.
  var count: Int { get }
  /// Reads an example; called on any thread.
  ///
  /// - Throws: an error that names the file when it cannot be read.
  func example(_ index: Int) throws -> Example
  /// Makes a batch of at least one example; called by whoever takes the batch.
  func batch(of examples: [Example]) -> Batch
  /// The name of an example in warnings: the path of its file; default "example 17".
  func name(_ index: Int) -> String
  /// The number of threads that read ahead unless a loader is given another one; default 2, and 0,
  /// for none, if everything is in memory.
  var readingThreads: Int { get }
}

extension Dataset {
  /// The number of the example in words, for instance "example 17".
  public func name(_ index: Int) -> String { "example \(index)" }
  /// Two threads, unless the data set says otherwise.
  public var readingThreads: Int { 2 }

  /// Some of the examples, in the order of the indices.
  ///
  /// Stops when an index does not exist.
  public func subset(_ indices: [Int]) -> Subset<Self> { Subset(self, indices) }

  /// Two parts without a common example, drawn at random, for training and for measuring.
  ///
  /// - Parameters:
  ///   - fraction: the share of the examples in the first part, in [0, 1]; its product with the count,
  ///     in double precision, is rounded down.
  ///   - seed: the seed of the draw. The same seed and count always give the same parts.
  /// - Returns: both parts; their examples stand in the order of the data set.
  public func split(_ fraction: Double, seed: UInt64) -> (Subset<Self>, Subset<Self>) {
    expect((0...1).contains(fraction), "a part cannot be \(fraction) of a data set")
    let order = SampleOrder(count: count, seed: seed).indices(ofEpoch: 0)
    let first = Int(Double(count) * fraction)
    return (subset(order[..<first].sorted()), subset(order[first...].sorted()))
  }
}

/// Some examples of a data set.
public struct Subset<Base: Dataset>: Dataset {
  /// The data set.
  public let base: Base
  /// The positions in the data set.
  public let indices: [Int]

  init(_ base: Base, _ indices: [Int]) {
    if let wrong = indices.first(where: { !(0..<base.count).contains($0) }) {
      callerMistake("example \(wrong) does not exist: the data set has \(base.count)")
    }
    self.base = base
    self.indices = indices
  }

  /// The number of its examples.
  public var count: Int { indices.count }
  /// As many as the whole data set asks for.
  public var readingThreads: Int { base.readingThreads }
  /// The example of the data set at `indices[index]`.
  ///
  /// - Throws: what the data set throws.
  public func example(_ index: Int) throws -> Base.Example { try base.example(indices[index]) }
  /// Makes a batch as the data set does.
  public func batch(of examples: [Base.Example]) -> Base.Batch { base.batch(of: examples) }
  /// What the data set calls it.
  public func name(_ index: Int) -> String { base.name(indices[index]) }
}

extension Subset where Base == LabeledTensors {
  /// All examples as one batch, for measuring accuracy.
  public var all: LabeledTensors.Batch { base.batch(of: indices) }
}
