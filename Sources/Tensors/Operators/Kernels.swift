import CKernels

// How operators call the C kernels: by a pair of functions, one for each dtype.

struct UnaryKernel: Sendable {
  typealias Function<T> =
    @Sendable (UnsafePointer<T>?, UnsafeMutablePointer<T>?, Int) -> Void
  let f32: Function<Float>
  let f64: Function<Double>

  func apply(_ x: Tensor, operation: StaticString = #function) -> Tensor {
    Tensor(shape: x.shape, dtype: x.dtype, operation: operation) { out in
      switch x.dtype {
      case .float32: f32(x.storage.f32, out.f32, x.count)
      case .float64: f64(x.storage.f64, out.f64, x.count)
      }
    }
  }
}

/// out[i] = a[i * aStep] op b[i * bStep], steps 0 or 1.
struct BinaryKernel: Sendable {
  typealias Function<T> =
    @Sendable (
      UnsafePointer<T>?, Int, UnsafePointer<T>?, Int, UnsafeMutablePointer<T>?, Int
    ) -> Void
  let f32: Function<Float>
  let f64: Function<Double>

  func apply(
    _ a: Storage, _ aOffset: Int, _ aStep: Int, _ b: Storage, _ bOffset: Int, _ bStep: Int,
    _ out: Storage, _ outOffset: Int, _ count: Int
  ) {
    switch out.dtype {
    case .float32:
      f32(a.f32 + aOffset, aStep, b.f32 + bOffset, bStep, out.f32 + outOffset, count)
    case .float64:
      f64(a.f64 + aOffset, aStep, b.f64 + bOffset, bStep, out.f64 + outOffset, count)
    }
  }
}

/// out[i] = g(a[i], b[i]).
struct PairKernel: Sendable {
  typealias Function<T> =
    @Sendable (
      UnsafePointer<T>?, UnsafePointer<T>?, UnsafeMutablePointer<T>?, Int
    ) -> Void
  let f32: Function<Float>
  let f64: Function<Double>

  func apply(_ a: Tensor, _ b: Tensor, operation: StaticString = #function) -> Tensor {
    Tensor(shape: a.shape, dtype: a.dtype, operation: operation) { out in
      switch a.dtype {
      case .float32: f32(a.storage.f32, b.storage.f32, out.f32, a.count)
      case .float64: f64(a.storage.f64, b.storage.f64, out.f64, a.count)
      }
    }
  }
}

extension Storage {
  /// Adds `other` in place; allowed only while no other reference to this storage exists.
  func accumulate(_ other: Storage) {
    measured("accumulate") {
      switch dtype {
      case .float32: ck_accumulate_f32(other.f32, f32, count)
      case .float64: ck_accumulate_f64(other.f64, f64, count)
      }
    }
  }
}

/// Stops unless both tensors have the same dtype.
@inline(__always)
func expectSameDType(_ name: @autoclosure () -> String, _ first: Tensor, _ other: Tensor) {
  expect(
    other.dtype == first.dtype,
    "\(name()) needs operands of one dtype, not \(first.dtype) \(first.shape) and "
      + "\(other.dtype) \(other.shape); convert one with converted(to:)")
}

/// Stops unless all tensors have the same dtype.
@inline(__always)
func expectSameDType(
  _ name: @autoclosure () -> String, _ first: Tensor, _ second: Tensor, _ third: Tensor
) {
  expectSameDType(name(), first, second)
  expectSameDType(name(), first, third)
}
