import Tensors

/// A map f whose fixed point is sought: z -> f(z; x, theta), with x and theta captured.
///
/// ```swift
/// let map = FixedPointMap { z in (z.matmul(w) + x).tanh() }
/// let image = try map(z)
/// ```
/// The state's axis 0 is the batch; samples do not mix. A map that can also be evaluated on some
/// of the samples alone lets a solve drop those that are done, so that its cost is the sum of the
/// samples' iterations instead of the batch times the longest:
/// ```swift
/// let map = FixedPointMap({ z in (z.matmul(w) + x).tanh() }) { positions in
///   let some = x.samples(positions)
///   return { z in (z.matmul(w) + some).tanh() }
/// }
/// ```
/// A sample's result does not depend on which others are still there as long as f itself does not:
/// to the last bit where f works elementwise or on each sample alone. A matrix product with shared
/// weights is rounded by BLAS, which may add up in another order for another number of rows.
public struct FixedPointMap {
  package typealias Function = (Tensor) throws -> Tensor

  private let image: Function
  private let restriction: (([Int]) throws -> Function?)?
  /// s -> J s of a map that is affine, so that nothing has to be recorded to linearise it.
  let jacobianProduct: Function?
  /// Another form of f, which is recorded, for the last of a fixed number of evaluations.
  package var last: Function?
  /// The loss L, one number for each sample, where f(z) = z - dL/dz; for solvers that descend.
  package var loss: Function?
  /// The function F, where f(z) = z - F(z): the rule of accuracy needs digits of F that z cannot
  /// resolve.
  package var equation: Function?

  /// A map that is always evaluated on the whole batch.
  public init(_ image: @escaping (Tensor) throws -> Tensor) {
    self.init(image, jacobianProduct: nil)
  }

  /// A map that can be restricted to some of the samples.
  ///
  /// - Parameters:
  ///   - image: z -> f(z) on the whole batch.
  ///   - restriction: the same map on the samples at the given positions of the whole batch, in
  ///     their order: its axis 0 has as many entries as there are positions. Nil where that is not
  ///     possible.
  public init(
    _ image: @escaping (Tensor) throws -> Tensor,
    ofSamples restriction: @escaping (_ positions: [Int]) throws -> ((Tensor) throws -> Tensor)?
  ) {
    self.init(image, restriction: restriction, jacobianProduct: nil)
  }

  /// A map with its Jacobian, if that is constant.
  package init(
    _ image: @escaping Function, restriction: (([Int]) throws -> Function?)? = nil,
    jacobianProduct: Function?
  ) {
    (self.image, self.restriction) = (image, restriction)
    self.jacobianProduct = jacobianProduct
  }

  /// f(z).
  ///
  /// Stops when f does not return what it is given: a tensor of the same shape and dtype.
  public func callAsFunction(_ z: Tensor) throws -> Tensor {
    let image = try StateSharding.outside { try self.image(z) }
    expect(
      image.shape == z.shape && image.dtype == z.dtype,
      "a map must return what it is given: the state is \(z.dtype) \(z.shape), the image "
        + "\(image.dtype) \(image.shape)")
    return image
  }

  /// The map of the samples at the given positions, or nil if it cannot be restricted.
  ///
  /// - Parameter positions: positions in the whole batch.
  /// - Returns: the map on as many samples as there are positions, in their order.
  /// - Throws: what the restriction throws.
  public func ofSamples(_ positions: [Int]) throws -> FixedPointMap? {
    try restriction?(positions).map { FixedPointMap($0) }
  }

  /// The same map of states [rows, n], whose samples in their own shape are of the given one.
  func flattened(_ shape: Shape) -> FixedPointMap {
    if shape.rank == 1 { return self }
    func flat(_ f: @escaping Function) -> Function {
      { z in try f(z.reshaped([z.shape[0]] + shape)).flatSamples }
    }
    var map = FixedPointMap(
      flat(callAsFunction),
      restriction: restriction.map { restriction in
        { try restriction($0).map { flat(FixedPointMap($0).callAsFunction) } }
      }, jacobianProduct: jacobianProduct.map(flat))
    map.last = last.map(flat)
    map.equation = equation.map(flat)
    map.loss = loss.map { loss in { z in try loss(z.reshaped([z.shape[0]] + shape)) } }
    return map
  }
}
