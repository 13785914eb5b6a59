import CKernels

// Trigonometric and hyperbolic functions and their inverses, each next to its derivative. `sin`,
// `cos` and `tanh` are in Elementwise.swift. The kernels call libm.

private let tanKernel = UnaryKernel(f32: ck_tan_f32, f64: ck_tan_f64)
private let asinKernel = UnaryKernel(f32: ck_asin_f32, f64: ck_asin_f64)
private let acosKernel = UnaryKernel(f32: ck_acos_f32, f64: ck_acos_f64)
private let atanKernel = UnaryKernel(f32: ck_atan_f32, f64: ck_atan_f64)
private let sinhKernel = UnaryKernel(f32: ck_sinh_f32, f64: ck_sinh_f64)
private let coshKernel = UnaryKernel(f32: ck_cosh_f32, f64: ck_cosh_f64)
private let asinhKernel = UnaryKernel(f32: ck_asinh_f32, f64: ck_asinh_f64)
private let acoshKernel = UnaryKernel(f32: ck_acosh_f32, f64: ck_acosh_f64)
private let atanhKernel = UnaryKernel(f32: ck_atanh_f32, f64: ck_atanh_f64)
private let atan2Kernel = BinaryKernel(f32: ck_atan2_f32, f64: ck_atan2_f64)

extension Tensor {
  /// The tangent; derivative 1 + y^2, where y is the result.
  public func tan() -> Tensor {
    tanKernel.apply(self).recorded(
      from: [self], keepingOutput: true, { v, y, _ in [v * (1 + y.square())] })
  }

  /// The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1].
  ///
  /// The derivative is 1 / sqrt(1 - x^2).
  public func asin() -> Tensor {
    asinKernel.apply(self).recorded(
      from: [self], { v, _, _ in [v * self.oneMinusSquare.rsqrt()] })
  }

  /// The angle in [0, pi] whose cosine is x; NaN outside [-1, 1].
  ///
  /// The derivative is -1 / sqrt(1 - x^2).
  public func acos() -> Tensor {
    acosKernel.apply(self).recorded(
      from: [self], { v, _, _ in [-(v * self.oneMinusSquare.rsqrt())] })
  }

  /// The angle in (-pi/2, pi/2) whose tangent is x; derivative 1 / (1 + x^2).
  public func atan() -> Tensor {
    atanKernel.apply(self).recorded(from: [self], { v, _, _ in [v / (1 + self.square())] })
  }

  /// The hyperbolic sine; derivative cosh x.
  public func sinh() -> Tensor {
    sinhKernel.apply(self).recorded(from: [self], { v, _, _ in [v * self.cosh()] })
  }

  /// The hyperbolic cosine; derivative sinh x.
  public func cosh() -> Tensor {
    coshKernel.apply(self).recorded(from: [self], { v, _, _ in [v * self.sinh()] })
  }

  /// The inverse of `sinh`; derivative 1 / sqrt(x^2 + 1).
  public func asinh() -> Tensor {
    asinhKernel.apply(self).recorded(from: [self], { v, _, _ in [v * (1 + self.square()).rsqrt()] })
  }

  /// The inverse of `cosh`, NaN below 1; derivative 1 / sqrt(x^2 - 1).
  public func acosh() -> Tensor {
    acoshKernel.apply(self).recorded(
      from: [self], { v, _, _ in [v * (-self.oneMinusSquare).rsqrt()] })
  }

  /// The inverse of `tanh`, NaN outside [-1, 1]; derivative 1 / (1 - x^2).
  public func atanh() -> Tensor {
    atanhKernel.apply(self).recorded(from: [self], { v, _, _ in [v / self.oneMinusSquare] })
  }

  /// 1 - x^2 with all its digits near 1 and -1, where x^2 has lost them: 1 - x and 1 + x are exact there.
  private var oneMinusSquare: Tensor { (1 - self) * (1 + self) }

  /// The angle in (-pi, pi] of the point (x, y), with broadcasting.
  ///
  /// The derivatives with respect to y and x are x / (x^2 + y^2) and -y / (x^2 + y^2); they are NaN
  /// at the origin.
  public static func atan2(_ y: Tensor, _ x: Tensor) -> Tensor {
    broadcasting("atan2", atan2Kernel, y, x).recorded(
      from: [y, x],
      { v, _, needs in
        let share = v / (x.square() + y.square())
        return [
          needs[0] ? (share * x).summed(to: y.shape) : nil,
          needs[1] ? -(share * y).summed(to: x.shape) : nil,
        ]
      })
  }
}
