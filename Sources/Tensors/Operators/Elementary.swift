import CKernels

// Exponential functions, the error function and rounding, each next to its derivative. `exp`,
// `log`, `sqrt`, `square`, `abs` and `sigmoid` are in Elementwise.swift. The kernels call libm.

private let ln2 = 0.693147180559945309417
private let ln10 = 2.30258509299404568402
private let twoBySquareRootOfPi = 1.12837916709551257390

private let expm1Kernel = UnaryKernel(f32: ck_expm1_f32, f64: ck_expm1_f64)
private let log1pKernel = UnaryKernel(f32: ck_log1p_f32, f64: ck_log1p_f64)
private let exp2Kernel = UnaryKernel(f32: ck_exp2_f32, f64: ck_exp2_f64)
private let log2Kernel = UnaryKernel(f32: ck_log2_f32, f64: ck_log2_f64)
private let log10Kernel = UnaryKernel(f32: ck_log10_f32, f64: ck_log10_f64)
private let erfKernel = UnaryKernel(f32: ck_erf_f32, f64: ck_erf_f64)
private let reciprocalKernel = UnaryKernel(f32: ck_reciprocal_f32, f64: ck_reciprocal_f64)
private let floorKernel = UnaryKernel(f32: ck_floor_f32, f64: ck_floor_f64)
private let ceilKernel = UnaryKernel(f32: ck_ceil_f32, f64: ck_ceil_f64)
private let truncKernel = UnaryKernel(f32: ck_trunc_f32, f64: ck_trunc_f64)
private let roundKernel = UnaryKernel(f32: ck_round_f32, f64: ck_round_f64)
private let signKernel = UnaryKernel(f32: ck_sign_f32, f64: ck_sign_f64)

extension Tensor {
  /// e^x - 1, accurate to the last digits near 0.
  public func expm1() -> Tensor {
    expm1Kernel.apply(self).recorded(
      from: [self], keepingOutput: true, { v, y, _ in [v * (y + 1)] })
  }

  /// log(1 + x), accurate to the last digits near 0; derivative 1 / (1 + x).
  public func log1p() -> Tensor {
    log1pKernel.apply(self).recorded(from: [self], { v, _, _ in [v / (1 + self)] })
  }

  /// 2^x; derivative 2^x log 2.
  public func exp2() -> Tensor {
    exp2Kernel.apply(self).recorded(
      from: [self], keepingOutput: true, { v, y, _ in [v * y * ln2] })
  }

  /// The logarithm to base 2; derivative 1 / (x log 2).
  public func log2() -> Tensor {
    log2Kernel.apply(self).recorded(from: [self], { v, _, _ in [v / self / ln2] })
  }

  /// The logarithm to base 10; derivative 1 / (x log 10).
  public func log10() -> Tensor {
    log10Kernel.apply(self).recorded(from: [self], { v, _, _ in [v / self / ln10] })
  }

  /// The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
  public func erf() -> Tensor {
    erfKernel.apply(self).recorded(
      from: [self], { v, _, _ in [v * (-self.square()).exp() * twoBySquareRootOfPi] })
  }

  /// 1 / x; derivative -1 / x^2.
  public func reciprocal() -> Tensor {
    reciprocalKernel.apply(self).recorded(
      from: [self], keepingOutput: true, { v, y, _ in [-(v * y.square())] })
  }

  /// The largest whole number that is not greater than x; derivative 0.
  public func floor() -> Tensor {
    floorKernel.apply(self).recorded(from: [self], { v, _, _ in [v * 0] })
  }

  /// The smallest whole number that is not less than x; derivative 0.
  public func ceil() -> Tensor {
    ceilKernel.apply(self).recorded(from: [self], { v, _, _ in [v * 0] })
  }

  /// x rounded towards zero to a whole number; derivative 0.
  public func trunc() -> Tensor {
    truncKernel.apply(self).recorded(from: [self], { v, _, _ in [v * 0] })
  }

  /// The nearest whole number; of two equally near ones the even one, as in NumPy; derivative 0.
  public func round() -> Tensor {
    roundKernel.apply(self).recorded(from: [self], { v, _, _ in [v * 0] })
  }

  /// The sign of x: -1, 0 or 1; NaN where x is NaN; derivative 0.
  public func sign() -> Tensor {
    signKernel.apply(self).recorded(from: [self], { v, _, _ in [v * 0] })
  }

  /// 1 / sqrt(x); derivative -y^3 / 2, where y is the result.
  public func rsqrt() -> Tensor { sqrt().reciprocal() }

  /// log(1 + e^x), computed without overflow; the derivative is `sigmoid`.
  ///
  /// The value is computed as max(x, 0) + log(1 + e^-|x|). Each of the two terms has a kink at 0
  /// but their sum has none, so the derivative is not taken term by term.
  public func softplus() -> Tensor {
    let value = withoutRecording { relu() + (-abs()).exp().log1p() }
    return value.recorded(from: [self], { v, _, _ in [v * sigmoid()] })
  }
}
