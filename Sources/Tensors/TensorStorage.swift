import CKernels

/// The elements of a tensor: one pooled buffer, contiguous and aligned to 64 bytes.
///
/// Written only by the operator that makes it, before anything else can see it; immutable from
/// then on. That is why sharing it between threads is safe although the compiler cannot check it.
final class Storage: @unchecked Sendable {
  let dtype: DType
  let count: Int
  let base: UnsafeMutableRawPointer

  /// A buffer of `count` elements with undefined contents.
  init(dtype: DType, count: Int) {
    self.dtype = dtype
    self.count = count
    base = ck_allocate(count * dtype.byteCount)
  }

  deinit { ck_release(base, count * dtype.byteCount) }

  var f32: UnsafeMutablePointer<Float> { base.assumingMemoryBound(to: Float.self) }
  var f64: UnsafeMutablePointer<Double> { base.assumingMemoryBound(to: Double.self) }
}

/// Counters and the buffer pool of the tensor runtime.
public enum TensorMemory {
  /// Bytes held by live tensors, in all threads.
  public static var liveBytes: Int { ck_live_bytes() }
  /// Nodes of the tape that are alive, in all threads; variables count as nodes.
  public static var liveNodes: Int { ck_live_nodes() }
  /// Bytes of released buffers that wait for reuse.
  public static var pooledBytes: Int { ck_pooled_bytes() }
  /// The largest value of `liveBytes` since `resetPeak()`.
  public static var peakBytes: Int { ck_peak_bytes() }
  /// Starts a new measurement of `peakBytes`.
  public static func resetPeak() { ck_reset_peak_bytes() }
  /// Gives the waiting buffers back to the system.
  public static func drainPool() { ck_drain_pool() }
}
