import NeuralLayers
import Tensors

/// Some of a model's parameters.
///
/// ```swift
/// let biases: ParameterSelection = "*.bias"
/// let encoder = ParameterSelection.of(model.encoder)
/// let heads = ParameterSelection.all.except(encoder)
/// ```
/// A literal is a pattern for the whole name, in which `*` stands for any characters, including
/// dots. A parameter that has several names in a model is selected by any of them.
public struct ParameterSelection: Sendable, ExpressibleByStringLiteral {
  private let form: Form
  /// The name of the selection in messages.
  let description: String

  private indirect enum Form: Sendable {
    case pattern([UInt8])
    case parameters([Parameter])
    case either(ParameterSelection, ParameterSelection)
    case difference(ParameterSelection, ParameterSelection)
  }

  /// The parameters whose name matches a pattern.
  public init(stringLiteral pattern: String) { self.init(matching: pattern) }

  /// The parameters whose name matches a pattern, in which `*` stands for any characters.
  public init(matching pattern: String) {
    self.init(form: .pattern(Array(pattern.utf8)), description: "'\(pattern)'")
  }

  private init(form: Form, description: String) {
    self.form = form
    self.description = description
  }

  /// All parameters.
  public static var all: ParameterSelection { "*" }

  /// The parameters of a module, whatever their names in the model that contains it.
  public static func of(_ module: some Module) -> ParameterSelection {
    ParameterSelection(
      form: .parameters(module.namedParameters.map(\.parameter)),
      description: "those of a \(type(of: module))")
  }

  /// The parameters of this selection and of another.
  public func or(_ other: ParameterSelection) -> ParameterSelection {
    ParameterSelection(
      form: .either(self, other), description: "\(description) or \(other.description)")
  }

  /// The parameters of this selection that are not in another.
  public func except(_ other: ParameterSelection) -> ParameterSelection {
    ParameterSelection(
      form: .difference(self, other), description: "\(description) except \(other.description)")
  }

  /// Whether the selection contains a parameter.
  public func contains(_ entry: NamedParameter) -> Bool {
    switch form {
    case .pattern(let pattern):
      entry.names.contains { ParameterSelection.matches(Array($0.utf8)[...], pattern[...]) }
    case .parameters(let parameters): parameters.contains { $0 === entry.parameter }
    case .either(let a, let b): a.contains(entry) || b.contains(entry)
    case .difference(let a, let b): a.contains(entry) && !b.contains(entry)
    }
  }

  /// Whether a name matches a pattern.
  ///
  /// If the rest does not fit, the last star is given one more character.
  private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    let star = UInt8(ascii: "*")
    var (position, next) = (name.startIndex, pattern.startIndex)
    var retry: (position: Int, next: Int)?
    while position < name.endIndex {
      if next < pattern.endIndex, pattern[next] == star {
        next += 1
        retry = (position, next)
      } else if next < pattern.endIndex, pattern[next] == name[position] {
        position += 1
        next += 1
      } else if let last = retry {
        retry = (last.position + 1, last.next)
        (position, next) = (last.position + 1, last.next)
      } else {
        return false
      }
    }
    return pattern[next...].allSatisfy { $0 == star }
  }
}
