import Synchronization
import Tensors

/// The adjoint of the last backward pass, from which the next one may start.
///
/// ```swift
/// let memory = AdjointMemory()
/// layer.estimator = .gmres(tolerance: 1e-3, memory: memory)   // step after step
/// ```
/// It pays if consecutive steps see the same samples at the same positions: full batches, a
/// sequence of frames, an optimisation of one input. Use one memory for each set of samples. A
/// memory that does not fit (because shape or dtype differ) is ignored, and a start that is worse
/// than 0 is discarded sample by sample, so a wrong memory costs one pullback but no accuracy.
public final class AdjointMemory: Sendable {
  /// w / |v| of each sample; 0 for a sample without a remembered adjoint.
  private let unit = Mutex<Tensor?>(nil)

  /// Makes an empty memory.
  public init() {}

  /// Forgets the adjoint.
  public func clear() { unit.withLock { $0 = nil } }

  /// The remembered adjoint, scaled to the cotangent's size in each sample; nil if none fits.
  public func start(for v: Tensor) -> Tensor? {
    guard let unit = unit.withLock({ $0 }), unit.shape == v.shape, unit.dtype == v.dtype
    else { return nil }
    return unit.scalingSamples(by: v.normsOfSamples.map { $0.isFinite ? $0 : 0 })
  }

  /// Remembers an adjoint and the size of its cotangent.
  public func keep(_ w: Tensor, for v: Tensor) {
    let norms = v.normsOfSamples
    let new = w.detached().keepingSamples(norms.map { $0 > 0 && $0.isFinite })
      .scalingSamples(by: norms.map { $0 > 0 && $0.isFinite ? 1 / $0 : 0 })
    unit.withLock { $0 = new }
  }
}
