import CKernels

// Reading and writing strided views, which implement subscripts with integers and ranges, reversals
// and diagonals. Reading and writing are the transposes of each other.

extension Tensor {
  /// The elements that a view of this tensor selects.
  ///
  /// They are copied, unless the view selects all of them in order.
  func read(_ view: StridedView, operation: StaticString = #function) -> Tensor {
    if view.isAll(of: shape) { return self }
    let whole = shape
    let (extents, strides) = view.coalesced
    return Tensor(shape: view.shape, dtype: dtype, operation: operation) { out in
      guard out.count > 0 else { return }
      switch dtype {
      case .float32:
        ck_permute_copy_f32(storage.f32 + view.offset, out.f32, extents.count, extents, strides)
      case .float64:
        ck_permute_copy_f64(storage.f64 + view.offset, out.f64, extents.count, extents, strides)
      }
    }.recorded(
      from: [self], operation: operation,
      { v, _, _ in [Tensor.zeros(whole, dtype: v.dtype).writing(v, to: view)] })
  }

  /// This tensor with the elements that a view selects replaced; the view must not select an
  /// element twice.
  func writing(_ part: Tensor, to view: StridedView) -> Tensor {
    expectSameDType("updating", self, part)
    let (extents, strides) = view.coalesced
    return Tensor(shape: shape, dtype: dtype, operation: "updating") { out in
      out.copy(from: storage, offset: 0, to: 0, count: count)
      guard part.count > 0 else { return }
      switch dtype {
      case .float32:
        ck_strided_write_f32(
          part.storage.f32, out.f32 + view.offset, extents.count, extents, strides)
      case .float64:
        ck_strided_write_f64(
          part.storage.f64, out.f64 + view.offset, extents.count, extents, strides)
      }
    }.recorded(
      from: [self, part], operation: "updating",
      { v, _, needs in
        [
          needs[0] ? v.writing(.zeros(view.shape, dtype: v.dtype), to: view) : nil,
          needs[1] ? v.read(view) : nil,
        ]
      })
  }
}
