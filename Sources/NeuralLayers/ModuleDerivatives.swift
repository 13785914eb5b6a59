import Tensors

// Derivatives with respect to a module's trained parameters. A vector in the space of parameters is
// a table `Gradients`, as optimisers take it; a parameter that it does not hold counts as zero.
//
// As for functions of tensors (`gradient(at:of:)`), derivatives may be nested. A value that was
// computed from the parameters before the call counts as a constant. Parameters are variables that
// anybody may ask for, so derivatives are recorded wherever recording is on: `withoutRecording`
// saves the record, and `gradients(of:)` is the function for training.

extension Module {
  /// A number and its gradient with respect to the trained parameters.
  ///
  /// ```swift
  /// let (loss, slope) = try model.valueWithGradient { try (model(x) - y).square().mean() }
  /// slope[model.hidden.weight.tensor]
  /// ```
  ///
  /// - Parameter loss: returns one number.
  /// - Returns: the number, and the gradient of every trained parameter; zero if the number does
  ///   not depend on it.
  /// - Throws: what `loss` or a rule throws.
  /// - Complexity: one evaluation and one backward pass.
  public func valueWithGradient(
    of loss: () throws -> Tensor
  ) throws -> (value: Tensor, gradient: Gradients) {
    let parameters = variables
    let (value, products) = try RecordedFunction(variables: parameters) { [try loss()] }
      .valueWithGradient()
    return (value, Gradients(products, of: parameters))
  }

  /// The gradient of a number with respect to the trained parameters; see `valueWithGradient(of:)`.
  public func gradient(of loss: () throws -> Tensor) throws -> Gradients {
    try valueWithGradient(of: loss).gradient
  }

  /// The value of a function and its products with the transposed Jacobian, v -> J^T v.
  ///
  /// - Parameter f: returns a tensor of any shape.
  /// - Returns: the value, and a pullback to the trained parameters that may be called many times.
  /// - Throws: what `f` throws.
  /// - Complexity: one evaluation; one backward pass per call of the pullback.
  public func valueWithPullback(
    of f: () throws -> Tensor
  ) throws -> (value: Tensor, pullback: (Tensor) throws -> Gradients) {
    let parameters = variables
    let function = try RecordedFunction(variables: parameters) { [try f()] }
    return (
      function.values[0],
      { Gradients(try function.pullback(checking: $0, creatingGraph: nil), of: parameters) }
    )
  }

  /// The value of a function and its derivative along a direction in the space of parameters, J s.
  ///
  /// - Parameters:
  ///   - direction: the direction s.
  ///   - f: returns a tensor of any shape.
  /// - Returns: the value, and J s of its shape.
  /// - Throws: what `f` or a rule throws.
  /// - Complexity: one evaluation and two backward passes, the first of them recorded.
  public func jvp(
    along direction: Gradients, of f: () throws -> Tensor
  ) throws -> (value: Tensor, derivative: Tensor) {
    let parameters = variables
    return try RecordedFunction(variables: parameters) { [try f()] }
      .derivative(along: direction.vector(of: parameters))
  }

  /// The Hessian of a number with respect to the trained parameters, times a direction.
  ///
  /// - Parameters:
  ///   - direction: the direction s.
  ///   - loss: returns one number.
  /// - Returns: H s, a tensor for every trained parameter.
  /// - Throws: what `loss` or a rule throws.
  /// - Complexity: one evaluation and two backward passes; the second goes through the evaluation
  ///   and the first backward pass.
  public func hessianVectorProduct(
    along direction: Gradients, of loss: () throws -> Tensor
  ) throws -> Gradients {
    let parameters = variables
    let products = try RecordedFunction(variables: parameters) { [try loss()] }
      .hessianProduct(along: direction.vector(of: parameters))
    return Gradients(products, of: parameters)
  }

  /// The Jacobian of a function with respect to the trained parameters.
  ///
  /// - Parameters:
  ///   - mode: the direction of assembly; default the cheaper one, which is forward where the value
  ///     has more numbers than the parameters.
  ///   - f: returns m numbers in any shape.
  /// - Returns: for each parameter, the value's shape followed by the parameter's.
  /// - Throws: what `f` or a rule throws.
  /// - Complexity: one evaluation and m backward passes, or one for each number of the parameters.
  public func jacobian(
    mode: DifferentiationMode? = nil, of f: () throws -> Tensor
  ) throws -> Gradients {
    let parameters = variables
    let matrices = try RecordedFunction(variables: parameters) { [try f()] }
      .jacobian(mode)
    var table = Gradients()
    for (parameter, matrix) in zip(parameters, matrices) {
      table.set(jacobian: matrix, of: parameter)
    }
    return table
  }

  /// The present values of the trained parameters.
  private var variables: [Tensor] { trainedParameters.map(\.tensor) }
}

extension Gradients {
  /// A table with one tensor for each variable.
  fileprivate init(_ tensors: [Tensor], of variables: [Tensor]) {
    self.init()
    for (variable, tensor) in zip(variables, tensors) { self[variable] = tensor }
  }

  /// The entries of the variables; zero for a variable without an entry.
  fileprivate func vector(of variables: [Tensor]) -> [Tensor] {
    variables.map { self[$0] ?? $0.zerosLike() }
  }
}
