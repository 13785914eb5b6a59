import Tensors

/// A layer whose weight, as a matrix [out, rest], has a given largest singular value: W' = c W / s(W).
///
/// ```swift
/// let layer = SpectrallyNormalized(Linear(64, 64, using: &random), bound: 0.9, using: &random)
/// let y = layer(x)                 // |W'|_2 = 0.9
/// optimizer.step(layer, gradients: try gradients(of: loss(y)))
/// layer.iterate()                  // W has moved: the estimate follows it
/// ```
/// Miyato, Kataoka, Koyama and Yoshida 2018, equation 8 and algorithm 1. s is estimated by the power
/// iteration v <- W^T u / |W^T u|, u <- W v / |W v|, with s = |W^T u| = u^T W v. As s never exceeds
/// the true |W|_2, |W'|_2 is c or slightly above, and it is c up to rounding once the iteration
/// has converged, at the rate (s_2 / s_1)^2 a step.
///
/// u is a state of the layer: it is saved and restored with the parameters, and not trained. It
/// changes only in `iterate`, which is called between training steps, so the layer is the same
/// function in all iterations of a solve and on all threads. The gradient is that of c W / |W^T u|
/// at fixed u, which is exact where u has converged, because then ds/dW = u v^T.
///
/// For a linear layer c is a Lipschitz bound. A convolution of stride 1 with a kernel of k x k has a
/// norm of at most k times that of the matrix.
///
/// The weight is computed at every call; see `WeightNormalized` for how to save that.
public struct SpectrallyNormalized<Inner: WeightedLayer>: Layer {
  /// The layer, whose weight is W.
  public let layer: Inner
  /// The left singular vector u, [out], of length 1, as far as it is known.
  public let singularVector: Parameter
  /// The spectral norm c that the weight is given.
  public let bound: Double

  /// The layer with a weight of bounded norm.
  ///
  /// Stops when the bound is not positive.
  ///
  /// - Parameters:
  ///   - layer: the layer that is wrapped.
  ///   - bound: c, the largest singular value; default 1.
  ///   - iterations: the number of power iterations at the beginning; default 50.
  ///   - generator: the source of u, from which one draw is taken.
  public init(
    _ layer: Inner, bound: Double = 1, iterations: Int = 50, using generator: inout Philox
  ) {
    expect(bound > 0 && bound.isFinite, "a largest singular value is positive, not \(bound)")
    self.layer = layer
    self.bound = bound
    let weight = layer.weight.tensor
    let outputs = weight.shape[layer.outputAxis]
    let start = Tensor.normal([outputs], dtype: weight.dtype, using: &generator)
    singularVector = Parameter(start.unit ?? start, isTrained: false)
    iterate(iterations)
  }

  /// Runs some steps of the power iteration.
  ///
  /// It must not run while another thread uses the layer. One step after each change of the weight
  /// is enough, because the weight moves little (Miyato and others). If the weight is zero, u does
  /// not change.
  ///
  /// - Parameter count: the number of steps; default 1.
  /// - Complexity: two products of the weight with a vector per step.
  public func iterate(_ count: Int = 1) {
    withoutRecording {
      let rows = layer.rowsOfOutputs.detached()
      var u = singularVector.tensor.reshaped([1, rows.shape[0]])
      for _ in 0..<count {
        guard let v = u.matmul(rows).unit, let next = v.matmul(rows, transposingOther: true).unit
        else { break }
        u = next
      }
      singularVector.assign(u.reshaped([rows.shape[0]]))
    }
  }

  /// The estimate s of |W|_2, a number that is recorded.
  public var spectralNorm: Tensor {
    let rows = layer.rowsOfOutputs
    let u = singularVector.tensor.reshaped([1, rows.shape[0]])
    return u.matmul(rows).square().sum().sqrt()
  }

  /// W', of the shape of W; NaN if W is zero.
  public var weight: Tensor { layer.weight.tensor * (bound / spectralNorm) }

  /// The output of the layer with the weight W'.
  public func callAsFunction(_ x: Tensor) -> Tensor { layer.applying(weight, to: x) }

  /// The output of the layer with the weight W'.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

extension Tensor {
  /// This vector at length 1; nil if it is zero or not finite.
  fileprivate var unit: Tensor? {
    let length = reshaped([1, count]).normsOfSamples[0]
    return length > 0 && length.isFinite ? self * (1 / length) : nil
  }
}
