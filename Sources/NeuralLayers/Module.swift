import Tensors

/// A layer or model whose parameters can be found by name.
///
/// ```swift
/// struct Classifier: Module {
///   let hidden: Linear
///   let output: Linear
/// }
/// model.namedParameters.map(\.name)   // hidden.weight, hidden.bias, output.weight, output.bias
/// ```
/// By default, every stored property that is a parameter, a module or an array of modules is
/// found, in order of declaration. Names are the properties' names in snake case, joined by dots,
/// with positions for arrays: the convention of published state dictionaries.
public protocol Module: Sendable {
  /// The parameters with their names, each once.
  var namedParameters: [NamedParameter] { get }
}

/// A parameter and its name within a module.
public struct NamedParameter: Sendable {
  /// For example "encoder.0.weight".
  public let name: String
  /// The parameter.
  public let parameter: Parameter

  /// A parameter with a name.
  public init(_ name: String, _ parameter: Parameter) {
    self.name = name
    self.parameter = parameter
  }

  /// The same parameter as seen from a module that holds this one under `prefix`.
  public func prefixed(_ prefix: String) -> NamedParameter {
    NamedParameter("\(prefix).\(name)", parameter)
  }
}

extension Module {
  /// What the stored properties hold.
  public var namedParameters: [NamedParameter] {
    Mirror(reflecting: self).children.flatMap { label, value -> [NamedParameter] in
      guard let name = label.map(snakeCase) else { return [] }
      switch value {
      case let parameter as Parameter:
        return [NamedParameter(name, parameter)]
      case let module as any Module:
        return module.namedParameters.map { $0.prefixed(name) }
      case let modules as [any Module]:
        return modules.enumerated().flatMap { position, module in
          module.namedParameters.map { $0.prefixed("\(name).\(position)") }
        }
      default:
        return []
      }
    }
  }

  /// The number of trained numbers.
  public var parameterCount: Int {
    namedParameters.reduce(0) { $0 + $1.parameter.shape.elementCount }
  }

  /// Converts every parameter to a dtype.
  public func convertParameters(to dtype: DType) {
    for entry in namedParameters {
      entry.parameter.assign(entry.parameter.tensor.detached().converted(to: dtype))
    }
  }
}

/// "normInputs" becomes "norm_inputs".
private func snakeCase(_ name: String) -> String {
  name.reduce(into: "") { result, character in
    if character.isUppercase {
      result += "_" + character.lowercased()
    } else {
      result.append(character)
    }
  }
}
