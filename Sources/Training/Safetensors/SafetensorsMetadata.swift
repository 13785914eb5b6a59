/// The strings that belong to a safetensors file, by their keys.
///
/// ```swift
/// let metadata: SafetensorsMetadata = ["step": "300"]
/// metadata["step"]   // "300"
/// ```
/// Keys are compared by their bytes, as names of tensors are: two keys that differ only in their
/// Unicode normalisation are different. Iteration follows the order of the bytes.
public struct SafetensorsMetadata: Sendable, Equatable {
  private var values: [ExactString: ExactString]

  /// The strings of a dictionary.
  public init(_ dictionary: [String: String] = [:]) {
    values = Dictionary(
      uniqueKeysWithValues: dictionary.map { (ExactString($0.key), ExactString($0.value)) })
  }

  /// The string under a key; nil if there is none.
  ///
  /// Setting nil removes the key.
  public subscript(key: String) -> String? {
    get { values[ExactString(key)]?.text }
    set { values[ExactString(key)] = newValue.map { ExactString($0) } }
  }

  /// The number of strings.
  public var count: Int { values.count }

  /// Whether there are no strings.
  public var isEmpty: Bool { values.isEmpty }

  /// The strings whose keys fulfil a condition.
  public func filter(
    _ isIncluded: (_ element: (key: String, value: String)) throws -> Bool
  ) rethrows -> SafetensorsMetadata {
    var result = self
    result.values = try values.filter { try isIncluded((key: $0.key.text, value: $0.value.text)) }
    return result
  }
}

extension SafetensorsMetadata: Sequence {
  /// Keys and strings, in the order of the keys' bytes.
  public func makeIterator() -> some IteratorProtocol<(key: String, value: String)> {
    values.sorted { $0.key < $1.key }.lazy.map { (key: $0.key.text, value: $0.value.text) }
      .makeIterator()
  }
}

extension SafetensorsMetadata: ExpressibleByDictionaryLiteral {
  /// The strings of a literal; if a key occurs several times, its last string.
  public init(dictionaryLiteral elements: (String, String)...) {
    self.init()
    for (key, value) in elements { self[key] = value }
  }
}

/// A text that is compared by its bytes.
///
/// Swift strings that differ only in their Unicode normalisation are equal, but they name different
/// things in a file.
struct ExactString: Hashable, Comparable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (a: ExactString, b: ExactString) -> Bool {
    a.text.utf8.elementsEqual(b.text.utf8)
  }

  static func < (a: ExactString, b: ExactString) -> Bool {
    a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
  }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
