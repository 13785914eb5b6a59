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
/// than 0 is discarded sample by sample, so a wrong memory costs one pullback but no accuracy: an
/// iteration of a fixed number of evaluations, too, is then what it is without a memory.
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

  /// Remembers an adjoint and the size of its cotangent; 0 in samples where one of them is not finite.
  public func keep(_ w: Tensor, for v: Tensor) {
    let norms = v.normsOfSamples
    let isKept = zip(norms, w.normsOfSamples).map { $0 > 0 && $0.isFinite && $1.isFinite }
    let new = w.detached().keepingSamples(isKept)
      .scalingSamples(by: zip(isKept, norms).map { $0 ? 1 / $1 : 0 })
    unit.withLock { $0 = new }
  }
}

/// Where an iteration w <- J^T w + v starts.
struct AdjointStart {
  /// w, not recorded.
  let w: Tensor
  /// J^T w + v, which is v in samples that start from 0.
  let image: Tensor

  /// 0, whose image is known.
  init(for v: Tensor) { (w, image) = (v.zerosLike(), v) }

  /// A remembered w; 0 in samples where |v - (I - J^T) w| is not below |v|, which is what 0 leaves.
  ///
  /// - Parameters:
  ///   - w: the remembered adjoint.
  ///   - v: the cotangent.
  ///   - pullback: w -> J^T w, which is called once.
  /// - Throws: what the pullback throws.
  init(_ w: Tensor, for v: Tensor, pullback: (Tensor) throws -> Tensor) throws {
    let image = try StateSharding.outside { try pullback(w) } + v
    let isWorse = zip((image - w).normsOfSamples, v.normsOfSamples).map { !($0 < $1) }
    self.w = w.replacingSamples(isWorse, with: w.zerosLike())
    self.image = image.replacingSamples(isWorse, with: v)
  }
}
