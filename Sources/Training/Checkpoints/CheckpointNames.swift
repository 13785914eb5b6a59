import Foundation
import Tensors

/// The tensors of a file, under the names by which they are asked for.
struct CheckpointNames: Sendable {
  /// A tensor of the file.
  struct Named: Sendable {
    /// The kind of the tensor, with a dot at the end: "optimizer.exp_avg." or "average."; nil for
    /// the value of a parameter.
    let kind: String?
    /// The parameter's name.
    let name: String
    /// The tensor itself, which has its old name from the file.
    let entry: SafetensorsFile.Entry

    var fullName: String { (kind ?? "") + name }
  }

  /// The tensors in the order of the file.
  let entries: [Named]
  private let positions: [ExactString: Int]

  /// The tensors under the names of the file.
  init(_ file: SafetensorsFile) {
    self.init(
      file.entries.map { entry in
        let kind = CheckpointNames.kind(of: entry.name)
        return Named(kind: kind, name: String(entry.name.dropFirst(kind?.count ?? 0)), entry: entry)
      })
  }

  init(_ entries: [Named]) {
    self.entries = entries
    positions = Dictionary(
      entries.enumerated().map { (ExactString($1.fullName), $0) }, uniquingKeysWith: { a, _ in a })
  }

  /// The tensor with a name, which begins with its kind if it has one.
  subscript(name: String) -> SafetensorsFile.Entry? {
    positions[ExactString(name)].map { entries[$0].entry }
  }

  /// Stops when the name of a parameter could be that of another tensor of a checkpoint.
  static func expectNoReserved(_ names: [String]) {
    let reserved = [
      (SavedOptimizer.prefix, "what an optimiser remembers"),
      (Checkpoint.averagePrefix, "averages of the weights"),
    ]
    for (prefix, what) in reserved {
      let (word, name) = (prefix.dropLast(), names.first { $0.hasPrefix(prefix) } ?? "")
      expect(
        name.isEmpty,
        "the parameter '\(name)' cannot be written: under names that begin with '\(prefix)' a "
          + "checkpoint has \(what). Give the property another name, or the module "
          + "'static let parameterNames = [\"\(word)\": \"NAME\"]'")
    }
  }

  /// The kind in a name: "optimizer.exp_avg." in "optimizer.exp_avg.encoder.weight", "average." in
  /// "average.weight".
  private static func kind(of name: String) -> String? {
    if name.hasPrefix(Checkpoint.averagePrefix) { return Checkpoint.averagePrefix }
    guard name.hasPrefix(SavedOptimizer.prefix),
      let dot = name.dropFirst(SavedOptimizer.prefix.count).firstIndex(of: ".")
    else { return nil }
    return String(name[...dot])
  }
}

extension Checkpoint {
  /// The tensors of one part of a model, named as the part itself names them.
  ///
  /// ```swift
  /// try Checkpoint(contentsOf: url).part(under: "encoder").restore(model.encoder)
  /// ```
  /// - Parameter prefix: the beginning of the names, without its dot: "encoder" takes
  ///   "encoder.0.weight" as "0.weight". The tensors of an optimiser and of an average for this
  ///   part are included.
  /// - Returns: the same file with only these tensors.
  /// - Throws: `SafetensorsError`, which lists the prefixes that exist, when no name begins like
  ///   this.
  public func part(under prefix: String) throws -> Checkpoint {
    let start = prefix.hasSuffix(".") || prefix.isEmpty ? prefix : prefix + "."
    let part = names.entries.filter { $0.name.hasPrefix(start) }.map {
      CheckpointNames.Named(
        kind: $0.kind, name: String($0.name.dropFirst(start.count)), entry: $0.entry)
    }
    guard part.contains(where: { $0.kind == nil }) else {
      throw SafetensorsError(
        path: path, reason: "no tensor has a name that begins with '\(start)'",
        remedy: "names begin with \(firstComponents)")
    }
    return Checkpoint(self, names: CheckpointNames(part))
  }

  /// The same tensors under other names.
  ///
  /// ```swift
  /// let checkpoint = try Checkpoint(contentsOf: url).renamed(["classifier": "head", "bn": "norm"])
  /// ```
  /// - Parameter changes: the model's names by the file's names. Either both are whole names, or
  ///   both are beginnings of names up to a dot; the longest one that fits a name is used. The
  ///   tensors of an optimiser and of an average are renamed too.
  /// - Returns: the same file under the new names.
  /// - Throws: `SafetensorsError` when a change applies to no tensor, or two tensors get the same
  ///   name.
  public func renamed(_ changes: [String: String]) throws -> Checkpoint {
    let longestFirst = changes.sorted { ($0.key.count, $0.key) > ($1.key.count, $1.key) }
    var unused = Set(changes.keys)
    func renamed(_ name: String) -> String {
      for (old, new) in longestFirst where name == old || name.hasPrefix(old + ".") {
        unused.remove(old)
        return new + name.dropFirst(old.count)
      }
      return name
    }
    let changed = try self.renamed(renamed)
    if let first = unused.sorted().first {
      throw SafetensorsError(
        path: path, reason: "there is no '\(first)' to be renamed to '\(changes[first] ?? "")'",
        remedy: "names begin with \(firstComponents)")
    }
    return changed
  }

  /// The same tensors under the names that a function gives them.
  ///
  /// - Parameter newName: returns the model's name of a parameter, given the file's name.
  /// - Returns: the same file under the new names.
  /// - Throws: `SafetensorsError` when two tensors get the same name.
  public func renamed(_ newName: (String) -> String) throws -> Checkpoint {
    let changed = names.entries.map {
      CheckpointNames.Named(kind: $0.kind, name: newName($0.name), entry: $0.entry)
    }
    var owners: [ExactString: String] = [:]
    for named in changed {
      if let other = owners.updateValue(named.entry.name, forKey: ExactString(named.fullName)) {
        throw SafetensorsError(
          path: path,
          reason: "'\(other)' and '\(named.entry.name)' would both be called '\(named.fullName)'",
          remedy: "give one of them another name, or take a part of the file with part(under:)")
      }
    }
    return Checkpoint(self, names: CheckpointNames(changed))
  }

  /// The beginnings of the names, up to eight of them, for messages.
  private var firstComponents: String {
    var seen: Set<String> = []
    let components = names.entries.filter { $0.kind == nil }.compactMap { named in
      named.name.split(separator: ".").first.map(String.init)
    }.filter { seen.insert($0).inserted }
    let shown = components.prefix(8).map { "'\($0)'" }.joined(separator: ", ")
    return components.count > 8 ? shown + " and \(components.count - 8) others" : shown
  }
}
