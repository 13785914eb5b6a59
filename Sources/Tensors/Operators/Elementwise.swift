import CKernels

// Elementwise functions, each next to its derivative.

private let expKernel = UnaryKernel(f32: ck_exp_f32, f64: ck_exp_f64)
private let logKernel = UnaryKernel(f32: ck_log_f32, f64: ck_log_f64)
private let sqrtKernel = UnaryKernel(f32: ck_sqrt_f32, f64: ck_sqrt_f64)
private let tanhKernel = UnaryKernel(f32: ck_tanh_f32, f64: ck_tanh_f64)
private let sigmoidKernel = UnaryKernel(f32: ck_sigmoid_f32, f64: ck_sigmoid_f64)
private let reluKernel = UnaryKernel(f32: ck_relu_f32, f64: ck_relu_f64)
private let stepKernel = UnaryKernel(f32: ck_step_gt0_f32, f64: ck_step_gt0_f64)
private let sinKernel = UnaryKernel(f32: ck_sin_f32, f64: ck_sin_f64)
private let cosKernel = UnaryKernel(f32: ck_cos_f32, f64: ck_cos_f64)
private let squareKernel = UnaryKernel(f32: ck_square_f32, f64: ck_square_f64)
private let absKernel = UnaryKernel(f32: ck_abs_f32, f64: ck_abs_f64)

private let tanhVJP = PairKernel(f32: ck_tanh_vjp_f32, f64: ck_tanh_vjp_f64)
private let sigmoidVJP = PairKernel(f32: ck_sigmoid_vjp_f32, f64: ck_sigmoid_vjp_f64)
private let reluVJP = PairKernel(f32: ck_relu_vjp_f32, f64: ck_relu_vjp_f64)

extension Tensor {
  /// e^x.
  ///
  /// In single precision, results below 2^-126, the least normal number, are 0.
  public func exp() -> Tensor {
    expKernel.apply(self).recorded(
      from: [self], keepingOutput: true, { v, output, _ in [v * output] })
  }

  /// The natural logarithm.
  ///
  /// In single precision, numbers below 2^-126, the least normal one, are taken as 0: the result is -infinity.
  public func log() -> Tensor {
    logKernel.apply(self).recorded(from: [self], { v, _, _ in [v / self] })
  }

  /// The square root.
  public func sqrt() -> Tensor {
    sqrtKernel.apply(self).recorded(
      from: [self], keepingOutput: true, { v, output, _ in [v * 0.5 / output] })
  }

  /// The hyperbolic tangent; derivative 1 - y^2, where y is the result.
  public func tanh() -> Tensor {
    tanhKernel.apply(self).recorded(
      from: [self], keepingOutput: true,
      { v, output, _ in
        isRecording ? [v * (1 - output.square())] : [tanhVJP.apply(output, v)]
      })
  }

  /// The logistic function 1 / (1 + e^-x); derivative y (1 - y), where y is the result.
  public func sigmoid() -> Tensor {
    sigmoidKernel.apply(self).recorded(
      from: [self], keepingOutput: true,
      { v, output, _ in
        isRecording ? [v * output * (1 - output)] : [sigmoidVJP.apply(output, v)]
      })
  }

  /// max(x, 0); the derivative at 0 is 0.
  public func relu() -> Tensor {
    reluKernel.apply(self).recorded(
      from: [self], keepingOutput: true,
      { v, output, _ in [v.rectifierPullback(of: output)] })
  }

  /// The cotangent of a rectifier's input, where self is the cotangent of its result `output`.
  func rectifierPullback(of output: Tensor) -> Tensor {
    isRecording ? self * stepKernel.apply(output) : reluVJP.apply(output, self)
  }

  /// The sine.
  public func sin() -> Tensor {
    sinKernel.apply(self).recorded(from: [self], { v, _, _ in [v * self.cos()] })
  }

  /// The cosine.
  public func cos() -> Tensor {
    cosKernel.apply(self).recorded(from: [self], { v, _, _ in [-(v * self.sin())] })
  }

  /// x^2.
  public func square() -> Tensor {
    squareKernel.apply(self).recorded(from: [self], { v, _, _ in [v * self * 2] })
  }

  /// |x|; the derivative at 0 is 0.
  public func abs() -> Tensor {
    absKernel.apply(self).recorded(
      from: [self],
      { v, _, _ in [v * (stepKernel.apply(self) - stepKernel.apply(-self))] })
  }

  /// The same numbers, rounded to another dtype.
  public func converted(to dtype: DType) -> Tensor {
    guard dtype != self.dtype else { return self }
    let source = self.dtype
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_f64_to_f32(storage.f64, out.f32, count)
      case .float64: ck_f32_to_f64(storage.f32, out.f64, count)
      }
    }.recorded(from: [self], { v, _, _ in [v.converted(to: source)] })
  }
}
