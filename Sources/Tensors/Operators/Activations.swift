// Smooth activation functions, composed of basic operators.

private let squareRootOfHalf = 0.70710678118654752440
private let squareRootOf2ByPi = 0.79788456080286535588

extension Tensor {
  /// x Phi(x), where Phi is the distribution function of the standard normal distribution.
  ///
  /// This is the exact form of Hendrycks and Gimpel 2016, and PyTorch's default: x (1 + erf(x /
  /// sqrt 2)) / 2.
  public func gelu() -> Tensor {
    self * ((self * squareRootOfHalf).erf() + 1) * 0.5
  }

  /// The approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 of `gelu`, JAX's default.
  ///
  /// Source: Hendrycks and Gimpel 2016. It differs from `gelu` by less than 5e-4.
  public func geluTanh() -> Tensor {
    let inner = self * (square() * 0.044715 + 1) * squareRootOf2ByPi
    return self * (inner.tanh() + 1) * 0.5
  }

  /// x / (1 + e^-x), also called swish.
  ///
  /// Source: Elfwing, Uchibe and Doya 2018.
  public func silu() -> Tensor { self * sigmoid() }
}
