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
/// By default, the parameters are found in all stored properties that are parameters or modules, or
/// optionals, arrays or dictionaries of these, however nested, in the order of declaration. Names
/// are the properties' names in snake case, joined by dots, with positions for arrays and keys for
/// dictionaries: the convention of published state dictionaries. If a published name is different,
/// give it to the parameter (`Parameter(_:name:)`) or to the property (`parameterNames`). A
/// parameter that is held in another way, for example in a struct that is no module, stops the
/// process with its place, rather than being left untrained; two parameters of the same name stop
/// it too. Only parameters that a closure captures cannot be seen.
public protocol Module: Sendable {
  /// The parameters with their names, each parameter once: if it has several names, it is listed
  /// under the first of them and has the others as aliases.
  var namedParameters: [NamedParameter] { get }

  /// The names of properties in checkpoints, by the properties' own names; default none, which
  /// gives each its name in snake case.
  ///
  /// ```swift
  /// struct Block: Module {
  ///   static let parameterNames = ["attention": "self_attn", "layers": ""]
  ///   let attention: MultiHeadAttention, layers: [Linear]
  /// }
  /// ```
  /// The empty name leaves the property out: "0.weight" instead of "layers.0.weight". Stops when a
  /// name is given for something that is not a stored property.
  static var parameterNames: [String: String] { get }
}

/// A parameter and its name within a module.
public struct NamedParameter: Sendable {
  /// The name within the module, for example "encoder.0.weight".
  public let name: String
  /// The parameter.
  public let parameter: Parameter
  /// The other names under which the module holds the same parameter.
  public let aliases: [String]

  /// A parameter with its name, and with its other names if it is shared.
  public init(_ name: String, _ parameter: Parameter, aliases: [String] = []) {
    self.name = name
    self.parameter = parameter
    self.aliases = aliases
  }

  /// The same parameter, seen from a module that holds this one under `prefix`; an empty prefix
  /// adds nothing.
  public func prefixed(_ prefix: String) -> NamedParameter {
    prefix.isEmpty
      ? self
      : NamedParameter("\(prefix).\(name)", parameter, aliases: aliases.map { "\(prefix).\($0)" })
  }

  /// All names, the first one first.
  public var names: [String] { [name] + aliases }
}

extension Sequence<NamedParameter> {
  /// Each parameter once, in the order of the first names; its later names become aliases.
  package var eachOnce: [NamedParameter] {
    var order: [Parameter] = []
    var names: [ObjectIdentifier: [String]] = [:]
    for entry in self {
      let identity = ObjectIdentifier(entry.parameter)
      if names[identity] == nil { order.append(entry.parameter) }
      names[identity, default: []] += entry.names
    }
    return order.map { parameter in
      let names = names[ObjectIdentifier(parameter)] ?? []
      return NamedParameter(names[0], parameter, aliases: Array(names.dropFirst()))
    }
  }
}

extension Module {
  /// No names of its own, so checkpoints use those of the properties.
  public static var parameterNames: [String: String] { [:] }

  /// The parameters that the stored properties hold, with their names.
  public var namedParameters: [NamedParameter] { ParameterSearch.parameters(ofModule: self) }

  /// The number of trained numbers.
  public var parameterCount: Int {
    trainedParameters.reduce(0) { $0 + $1.shape.elementCount }
  }

  /// The parameters that are trained, each once, in the order of their names.
  package var trainedParameters: [Parameter] {
    namedParameters.eachOnce.map(\.parameter).filter(\.isTrained)
  }

  /// Converts every parameter to a dtype.
  public func convertParameters(to dtype: DType) {
    for entry in namedParameters {
      entry.parameter.assign(entry.parameter.tensor.detached().converted(to: dtype))
    }
  }
}
