import Tensors

/// Finds the parameters in a module's stored properties.
enum ParameterSearch {
  /// The parameters of all stored properties, each once.
  static func parameters(ofModule module: some Module) -> [NamedParameter] {
    let properties = storedProperties(of: module)
    let given = type(of: module).parameterNames
    for name in given.keys where !properties.contains(where: { $0.label == name }) {
      callerMistake(
        "\(type(of: module)).parameterNames names '\(name)', which is none of its stored properties: "
          + properties.map(\.label).joined(separator: ", "))
    }
    let found = properties.flatMap { label, value in
      parameters(
        in: value, name: given[label] ?? snakeCase(label), holder: "\(type(of: module)).\(label)")
    }.eachOnce
    expectDifferentNames(found, of: module)
    return found
  }

  /// Stops when two parameters have the same name, because a checkpoint would keep only one of
  /// them.
  private static func expectDifferentNames(_ found: [NamedParameter], of module: some Module) {
    var seen: Set<String> = []
    for name in found.flatMap(\.names) where !seen.insert(name).inserted {
      callerMistake(
        "two parameters of \(type(of: module)) have the name '\(name)': give one of them another by "
          + "Parameter(_:name:), or its property by parameterNames")
    }
  }

  /// The stored properties; in a class, those of the superclass come first.
  private static func storedProperties(of value: Any) -> [(label: String, value: Any)] {
    var mirrors: [Mirror] = []
    var next: Mirror? = Mirror(reflecting: value)
    while let mirror = next {
      mirrors.append(mirror)
      next = mirror.superclassMirror
    }
    return mirrors.reversed().flatMap { mirror in
      mirror.children.enumerated().map { position, child in
        (child.label.map(withoutLazyPrefix) ?? "\(position)", child.value)
      }
    }
  }

  /// The storage of `lazy var x` has a name from the compiler that is longer than x.
  private static func withoutLazyPrefix(_ label: String) -> String {
    let prefix = "$__lazy_storage_$_"
    return label.hasPrefix(prefix) ? String(label.dropFirst(prefix.count)) : label
  }

  /// The parameters in a value that is found under a name.
  ///
  /// Stops when the value holds a parameter in a way for which there is no name.
  private static func parameters(in value: Any, name: String, holder: String) -> [NamedParameter] {
    switch value {
    case let parameter as Parameter: return [NamedParameter(parameter.name ?? name, parameter)]
    case let module as any Module: return module.namedParameters.map { $0.prefixed(name) }
    case _ where isPlain(type(of: value)): return []
    default: break
    }
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .optional:
      return mirror.children.flatMap { parameters(in: $0.value, name: name, holder: holder) }
    case .collection:
      return mirror.children.enumerated().flatMap { position, child in
        parameters(
          in: child.value, name: joined(name, "\(position)"), holder: "\(holder)[\(position)]")
      }
    case .dictionary:
      return entries(of: mirror).flatMap { key, value in
        parameters(in: value, name: joined(name, key), holder: "\(holder)[\(key)]")
      }
    default:
      var visited: Set<ObjectIdentifier> = []
      if let place = placeOfParameter(in: value, visited: &visited) {
        callerMistake(
          "\(holder) holds a parameter\(place) that has no name, because \(type(of: value)) is no "
            + "module: make it one, or implement namedParameters")
      }
      return []
    }
  }

  /// The pairs of a dictionary in the order of their keys.
  private static func entries(of dictionary: Mirror) -> [(key: String, value: Any)] {
    dictionary.children.compactMap { child -> (key: String, value: Any)? in
      let pair = Mirror(reflecting: child.value).children.map(\.value)
      return pair.count == 2 ? ("\(pair[0])", pair[1]) : nil
    }.sorted { $0.key < $1.key }
  }

  /// The place at which a value that is no module holds a parameter, for example ".inner.weight";
  /// nil if it holds none.
  private static func placeOfParameter(
    in value: Any, visited: inout Set<ObjectIdentifier>
  ) -> String? {
    if value is Parameter { return "" }
    if let module = value as? any Module { return module.namedParameters.isEmpty ? nil : "" }
    guard !isPlain(type(of: value)) else { return nil }
    if type(of: value) is AnyObject.Type {
      guard visited.insert(ObjectIdentifier(value as AnyObject)).inserted else { return nil }
    }
    for (label, part) in storedProperties(of: value) {
      if let place = placeOfParameter(in: part, visited: &visited) { return ".\(label)\(place)" }
    }
    return nil
  }

  /// Whether values of a type certainly hold no parameter, so that a large array of them need not
  /// be searched.
  private static func isPlain(_ type: Any.Type) -> Bool {
    if let container = type as? any Container.Type { return isPlain(container.elementType) }
    return type is any Numeric.Type || type is any StringProtocol.Type || type is Bool.Type
      || type is Tensor.Type || type is Shape.Type || type is DType.Type
  }

  /// A name within another one; within the empty name, the name itself.
  private static func joined(_ name: String, _ part: String) -> String {
    name.isEmpty ? part : "\(name).\(part)"
  }

  /// "normInputs" becomes "norm_inputs".
  private static func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { result, character in
      if character.isUppercase {
        result += "_" + character.lowercased()
      } else {
        result.append(character)
      }
    }
  }
}

/// A container of values of one type.
private protocol Container {
  static var elementType: Any.Type { get }
}

extension Array: Container {
  fileprivate static var elementType: Any.Type { Element.self }
}
extension ContiguousArray: Container {
  fileprivate static var elementType: Any.Type { Element.self }
}
extension Optional: Container {
  fileprivate static var elementType: Any.Type { Wrapped.self }
}
extension Dictionary: Container {
  fileprivate static var elementType: Any.Type { Value.self }
}
extension Set: Container {
  fileprivate static var elementType: Any.Type { Element.self }
}
extension Range: Container {
  fileprivate static var elementType: Any.Type { Bound.self }
}
extension ClosedRange: Container {
  fileprivate static var elementType: Any.Type { Bound.self }
}
