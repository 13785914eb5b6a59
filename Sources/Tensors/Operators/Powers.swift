import CKernels

private let powKernel = BinaryKernel(f32: ck_pow_f32, f64: ck_pow_f64)

extension Tensor {
  /// x^n for a number n; derivative n x^(n - 1).
  ///
  /// NaN where x is negative and n is not whole. For n = 0 the derivative is 0 everywhere.
  public func pow(_ exponent: Double) -> Tensor {
    let number = Tensor(exponent, dtype: dtype)
    return broadcasting("pow", powKernel, self, number).recorded(
      from: [self],
      { v, _, _ in [exponent == 0 ? v * 0 : v * self.pow(exponent - 1) * exponent] })
  }

  /// x^y elementwise, with broadcasting.
  ///
  /// The derivatives are y x^(y - 1), which is 0 where y is 0, and x^y log x, which is 0 where x is 0 and
  /// y is not negative (as in PyTorch and JAX, so that 0^y has a gradient) and NaN where x is negative.
  public func pow(_ exponent: Tensor) -> Tensor {
    broadcasting("pow", powKernel, self, exponent).recorded(
      from: [self, exponent], keepingOutput: true,
      { v, y, needs in
        let one = Tensor(1, dtype: dtype)
        // The base 0 is replaced here, because 0 times an infinite power would be NaN.
        let base = Tensor.where((self .== 0) .& (exponent .== 0), one, self)
        return [
          needs[0] ? (v * exponent * base.pow(exponent - 1)).summed(to: shape) : nil,
          needs[1]
            ? (v * y * Tensor.where(self .== 0, one, self).log()).summed(to: exponent.shape) : nil,
        ]
      })
  }
}
