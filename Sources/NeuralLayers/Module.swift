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
/// By default, every stored property that is a parameter or a module is found, and every optional,
/// array or dictionary of these, however nested, in order of declaration. Names are the properties'
/// names in snake case, joined by dots, with positions for arrays and keys for dictionaries: the
/// convention of published state dictionaries. Where a published name is another, a parameter is given
/// it (`Parameter(_:name:)`), or a property (`parameterNames`). A parameter that is held in another way,
/// say in a struct that is no module, stops the process with its place, rather than being left
/// untrained, and so do two parameters of one name; only what a closure captures cannot be seen.
public protocol Module: Sendable {
  /// The parameters with their names, each once: a parameter that several names lead to stands under
  /// the first of them and has the others as aliases.
  var namedParameters: [NamedParameter] { get }

  /// The names under which properties' parameters are kept, by the properties' own names; default none,
  /// which is the snake case of each.
  ///
  /// ```swift
  /// struct Block: Module {
  ///   static let parameterNames = ["attention": "self_attn", "layers": ""]
  ///   let attention: MultiHeadAttention, layers: [Linear]
  /// }
  /// ```
  /// The empty name leaves out the property: "0.weight" instead of "layers.0.weight". Stops when a name
  /// is given for something that is no stored property.
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

  /// A parameter with a name, and further ones where it is shared.
  public init(_ name: String, _ parameter: Parameter, aliases: [String] = []) {
    self.name = name
    self.parameter = parameter
    self.aliases = aliases
  }

  /// The same parameter as seen from a module that holds this one under `prefix`; the empty prefix adds
  /// nothing.
  public func prefixed(_ prefix: String) -> NamedParameter {
    prefix.isEmpty
      ? self
      : NamedParameter("\(prefix).\(name)", parameter, aliases: aliases.map { "\(prefix).\($0)" })
  }

  /// All names, the first one first.
  public var names: [String] { [name] + aliases }
}

extension Sequence<NamedParameter> {
  /// Each parameter once, in the order of the first names; later names of it become aliases.
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
  /// No other names: checkpoints have those of the properties.
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
