import Foundation
import NeuralLayers
import Tensors

extension Checkpoint {
  /// Sets every parameter of `model` to its value in the file.
  ///
  /// A shared parameter takes the value under any of its names.
  ///
  /// - Throws: `SafetensorsError` when a tensor is missing, has another shape, does not belong to
  ///   the model, has changed since it was written, or is not finite, or when the names of a shared
  ///   parameter have different values. The model is unchanged then.
  public func restore(_ model: some Module) throws {
    let parameters = model.namedParameters.eachOnce
    let values = try values(for: parameters)
    let known = Set(parameters.flatMap(\.names).map { ExactString($0) })
    for named in names.entries {
      guard known.contains(ExactString(named.name)) || known.contains(ExactString(named.fullName))
      else {
        throw SafetensorsError(
          path: path,
          reason: "it has a tensor '\(named.fullName)', which the model does not know",
          remedy: "check that it was made for a model of these sizes, or leave what else it holds "
            + "with restore(model, only: .all)")
      }
    }
    try assign(values, to: parameters)
  }

  /// Sets some parameters of `model` to their values in the file; other tensors of the file are
  /// ignored.
  ///
  /// ```swift
  /// try checkpoint.restore(model, only: .all.except("head.*"))   // a head for other classes
  /// ```
  /// - Parameters:
  ///   - model: the model that is to be trained further, or used.
  ///   - selection: the parameters that the file must have.
  /// - Throws: `SafetensorsError` as `restore(_:)`, except for tensors that do not belong to the
  ///   model.
  ///
  /// Stops when the selection has no parameter of the model.
  public func restore(_ model: some Module, only selection: ParameterSelection) throws {
    let parameters = model.namedParameters.eachOnce.filter { selection.contains($0) }
    expect(
      !parameters.isEmpty,
      "the parameters to restore are \(selection.description), but the model has none of them")
    try assign(values(for: parameters), to: parameters)
  }

  /// Restores an average of the weights.
  ///
  /// - Parameters:
  ///   - average: an average made with its former decay; its values are replaced.
  ///   - model: the model whose average it is.
  /// - Throws: `SafetensorsError` when the file has no average, or one for another model. The
  ///   average is unchanged then.
  public func restore(
    _ average: inout ExponentialMovingAverage, for model: some Module
  ) throws {
    guard let count = metadata[Checkpoint.averageStepKey].flatMap({ Int($0) }),
      (0...1 << 40).contains(count)
    else {
      throw SafetensorsError(
        path: path, reason: "it holds no average of the weights",
        remedy: "begin with the weights themselves: ExponentialMovingAverage(of: model)")
    }
    let parameters = model.namedParameters.eachOnce
    let values = try values(for: parameters, prefix: Checkpoint.averagePrefix)
    try verify()
    try expectFinite(
      zip(parameters, values).map { (name: Checkpoint.averagePrefix + $0.name, value: $1) })
    average.stepCount = count
    average.averages = Dictionary(
      uniqueKeysWithValues: zip(parameters, values).map { ($0.name, $1) })
  }

  private func assign(_ values: [Tensor], to parameters: [NamedParameter]) throws {
    try verify()
    try expectFinite(zip(parameters, values).map { (name: $0.name, value: $1) })
    for (entry, value) in zip(parameters, values) { entry.parameter.assign(value) }
  }

  /// The tensors of some parameters, converted to the parameters' dtypes.
  private func values(for parameters: [NamedParameter], prefix: String = "") throws -> [Tensor] {
    try parameters.map { entry in
      let found = entry.names.compactMap { name in
        names[prefix + name].map { (name: prefix + name, entry: $0) }
      }
      guard let first = found.first else { throw missing(entry, of: parameters, prefix: prefix) }
      for (name, tensor) in found where Shape(tensor.shape) != entry.parameter.shape {
        throw SafetensorsError(
          path: path,
          reason: "'\(name)' has shape \(Shape(tensor.shape)), but the model needs "
            + "\(entry.parameter.shape)",
          remedy: "make the model with the sizes of the file, or leave this tensor out with "
            + "restore(model, only: .all.except(\"\(entry.name)\"))")
      }
      if let other = found.first(where: { $0.entry.data != first.entry.data }) {
        throw SafetensorsError(
          path: path,
          reason: "'\(first.name)' and '\(other.name)' differ, but the model shares one parameter "
            + "between them",
          remedy: "give the model a parameter for each, or remove one of them from the file")
      }
      return first.entry.tensor.converted(to: entry.parameter.tensor.dtype)
    }
  }

  /// - Throws: `SafetensorsError` naming the first tensor that is not finite.
  func expectFinite(_ tensors: [(name: String, value: Tensor)]) throws {
    let areFinite = Workers.map(tensors.count) { tensors[$0].value.largestMagnitude.isFinite }
    if let first = areFinite.firstIndex(of: false) {
      throw SafetensorsError(
        path: path, reason: "'\(tensors[first].name)' holds numbers that are not finite",
        remedy: "use an earlier checkpoint, or weights from before they became NaN or infinite")
    }
  }

  /// The explanation for a missing tensor: which tensor of the file may be meant.
  private func missing(
    _ entry: NamedParameter, of parameters: [NamedParameter], prefix: String
  ) -> SafetensorsError {
    let known = Set(parameters.flatMap(\.names).map { ExactString($0) })
    let wanted = entry.name.split(separator: ".")
    func common(_ name: String) -> Int {
      zip(wanted.reversed(), name.split(separator: ".").reversed()).prefix { $0 == $1 }.count
    }
    let likely = names.entries.filter {
      $0.kind == nil && Shape($0.entry.shape) == entry.parameter.shape
        && !known.contains(ExactString($0.name)) && common($0.name) > 0
    }.max { common($0.name) < common($1.name) }
    return SafetensorsError(
      path: path, reason: "it has no tensor '\(prefix)\(entry.name)', which the model needs",
      remedy: prefix.isEmpty
        ? remedy(for: entry.name, likely: likely?.name, common: likely.map { common($0.name) } ?? 0)
        : "check that it was written with this model")
  }

  private func remedy(for wanted: String, likely: String?, common: Int) -> String {
    guard let likely else {
      return "check that it was made for a model of these sizes, or leave this tensor out with "
        + "restore(model, only: .all.except(\"\(wanted)\"))"
    }
    func prefix(_ name: String) -> String {
      name.split(separator: ".").dropLast(common).joined(separator: ".")
    }
    let (old, new) = (prefix(likely), prefix(wanted))
    let change =
      if new.isEmpty {
        "take it with part(under: \"\(old)\")"
      } else if old.isEmpty {
        "restore it into that part of the model alone"
      } else {
        "rename it with renamed([\"\(old)\": \"\(new)\"])"
      }
    return "if that is its '\(likely)', which has the same shape, \(change)"
  }
}
