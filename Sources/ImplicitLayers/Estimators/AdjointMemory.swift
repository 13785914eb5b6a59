import Synchronization
import Tensors

/// The adjoint of the last backward pass, from which the next one may start.
///
/// ```swift
/// let memory = AdjointMemory()
/// layer.estimator = .gmres(tolerance: 1e-3, memory: memory)   // step after step
/// ```
/// Worth it where consecutive steps see the same samples at the same positions: full batches, a
/// sequence of frames, an optimisation of one input. Use one memory for each set of samples; one
/// that does not fit (another shape or dtype) is ignored, and a start that is worse than 0 is
/// discarded sample by sample, so a wrong memory costs a pullback but no accuracy.
public final class AdjointMemory: Sendable {
  private struct Entry {
    let w: Tensor
    let cotangentNorms: [Double]
  }
  private let entry = Mutex<Entry?>(nil)

  /// A memory of nothing.
  public init() {}

  /// Forgets what is remembered.
  public func clear() { entry.withLock { $0 = nil } }

  /// The remembered adjoint, scaled to the cotangent's size in each sample; nil if none fits.
  public func start(for v: Tensor) -> Tensor? {
    guard let entry = entry.withLock({ $0 }), entry.w.shape == v.shape, entry.w.dtype == v.dtype
    else { return nil }
    let factors = zip(v.normsOfSamples, entry.cotangentNorms).map { new, old in
      old > 0 && new.isFinite && old.isFinite ? new / old : 0
    }
    return entry.w.scalingSamples(by: factors)
  }

  /// Remembers an adjoint and the size of its cotangent.
  public func keep(_ w: Tensor, for v: Tensor) {
    let new = Entry(w: w.detached(), cotangentNorms: v.normsOfSamples)
    entry.withLock { $0 = new }
  }
}
