import Foundation

extension RunConfiguration {
  /// The values of a configuration file by name, as they are written in it: `true`, `0.001`,
  /// `implicit`.
  ///
  /// Empty if it is no JSON object.
  static func texts(ofJSON data: Data) -> [String: String] {
    let values = try? JSONDecoder().decodeUntrusted([String: WrittenValue].self, from: data)
    return values?.mapValues(\.text) ?? [:]
  }

  /// The first option by which the model of another configuration differs, with both values; nil where the models
  /// are the same.
  func difference(
    ofModelTo other: RunConfiguration
  ) throws -> (option: String, former: String, wanted: String)? {
    guard model != other.model else { return nil }
    let (former, wanted) = (
      RunConfiguration.texts(ofJSON: Data(try json().utf8)),
      RunConfiguration.texts(ofJSON: Data(try other.json().utf8))
    )
    let name = RunConfiguration.namesOfModel.first { former[$0] != wanted[$0] } ?? "model"
    return (
      "--" + name.replacing("_", with: "-"), former[name] ?? "missing", wanted[name] ?? "missing"
    )
  }
}

/// A value of a JSON object as text.
private struct WrittenValue: Decodable {
  let text: String

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    // Foundation's objects do not tell true from 1.
    if let flag = try? container.decode(Bool.self) {
      text = "\(flag)"
    } else if let number = try? container.decode(Int.self) {
      text = "\(number)"
    } else if let number = try? container.decode(UInt64.self) {
      text = "\(number)"
    } else if let number = try? container.decode(Double.self) {
      text = "\(number)"
    } else {
      text = (try? container.decode(String.self)) ?? "no single value"
    }
  }
}
