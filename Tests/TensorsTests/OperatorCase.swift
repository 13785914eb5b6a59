import Tensors
import Testing

/// Every operator at fixed inputs.
let allOperators =
  basicOperators + elementaryOperators + indexingOperators + reductionOperators + fusedOperators
  + imageOperators + otherOperators

/// An operator and the inputs at which its derivative is compared with central differences.
///
/// The name is the operator's, followed, where there are several cases, by a colon and what is
/// particular to this one.
struct OperatorCase: Sendable, CustomTestStringConvertible {
  let name: String
  let inputs: [Tensor]
  let function: @Sendable ([Tensor]) throws -> Tensor
  /// The same function composed of basic operators; nil for a basic operator.
  let composition: (@Sendable ([Tensor]) throws -> Tensor)?
  var testDescription: String { name }

  init(
    _ name: String, _ inputs: [Tensor], _ function: @escaping @Sendable ([Tensor]) throws -> Tensor,
    composition: (@Sendable ([Tensor]) throws -> Tensor)? = nil
  ) {
    self.name = name
    self.inputs = inputs
    self.function = function
    self.composition = composition
  }

  /// The operator's name in the source.
  var operatorName: String { String(name.prefix { $0 != ":" }) }
}
