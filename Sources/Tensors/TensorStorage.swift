import CKernels

/// The elements of a tensor: one pooled buffer, contiguous and aligned to 64 bytes.
///
/// It is written to only as long as nothing else refers to it: by the operator that makes it, and by a
/// `KeyValueCache`, which takes another one where its own is shared. From then on it does not change. This is
/// why threads may share it although the compiler cannot check it.
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

  /// Another storage with the same contents.
  func copy() -> Storage {
    let other = Storage(dtype: dtype, count: count)
    other.copy(from: self, offset: 0, to: 0, count: count)
    return other
  }

  deinit { ck_release(base, count * dtype.byteCount) }

  var f32: UnsafeMutablePointer<Float> { base.assumingMemoryBound(to: Float.self) }
  var f64: UnsafeMutablePointer<Double> { base.assumingMemoryBound(to: Double.self) }
}

/// Memory counters of all tensors, and the pool of released buffers.
public enum TensorMemory {
  /// Bytes held by live tensors, in all threads.
  public static var liveBytes: Int { ck_live_bytes() }
  /// Nodes of the tape that are alive, in all threads; variables count as nodes.
  public static var liveNodes: Int { ck_live_nodes() }
  /// Bytes of released buffers that are kept for reuse.
  public static var pooledBytes: Int { ck_pooled_bytes() }
  /// The largest value of `liveBytes` since `resetPeak()`.
  public static var peakBytes: Int { ck_peak_bytes() }
  /// Starts a new measurement of `peakBytes`.
  public static func resetPeak() { ck_reset_peak_bytes() }
  /// Returns the buffers that are kept for reuse to the system.
  public static func drainPool() { ck_drain_pool() }
}
