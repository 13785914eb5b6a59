import Foundation

/// A file of measurements, one JSON object a line.
///
/// ```swift
/// var log = try MetricsLog(url)
/// try log.append([("step", .integer(1)), ("loss", .number(812.5))])
/// ```
/// Every line is on its way to the disk before `append` returns, and keys keep their order. A number
/// that is not finite is written as null, because JSON has no other word for it.
public struct MetricsLog: Sendable {
  /// A measured value.
  public enum Value: Sendable, Equatable {
    /// A count.
    case integer(Int)
    /// A measurement.
    case number(Double)

    fileprivate var json: String {
      switch self {
      case .integer(let value): "\(value)"
      case .number(let value): value.isFinite ? "\(value)" : "null"
      }
    }
  }

  private let url: URL
  private let file: FileHandle

  /// Opens the log, or begins it.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - step: lines of later steps, and a last line that was cut off, are dropped: a run that is
  ///     resumed there measures them again. Default: the file is kept whole.
  /// - Throws: `LogError` naming the file when it cannot be opened or written.
  public init(_ url: URL, keepingStepsUpTo step: Int = .max) throws {
    self.url = url
    let kept = MetricsLog.lines(of: url).filter { line in
      guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) else { return false }
      guard let number = (object as? [String: Any])?["step"] as? Int else { return true }
      return number <= step
    }
    do {
      try Data(kept.map { $0 + "\n" }.joined().utf8).write(to: url, options: .atomic)
      file = try FileHandle(forWritingTo: url)
      try file.seekToEnd()
    } catch {
      throw LogError(path: url.path, reason: error.localizedDescription)
    }
  }

  /// Adds a line.
  ///
  /// - Throws: `LogError` naming the file, for example when the disk is full.
  public func append(_ values: [(key: String, value: Value)]) throws {
    let fields = values.map { "\"\($0.key)\": \($0.value.json)" }.joined(separator: ", ")
    do {
      try file.write(contentsOf: Data("{\(fields)}\n".utf8))
    } catch {
      throw LogError(path: url.path, reason: error.localizedDescription)
    }
  }

  private static func lines(of url: URL) -> [String] {
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").map(String.init)
  }
}

/// A log that cannot be written.
public struct LogError: Error, CustomStringConvertible {
  /// The file.
  public let path: String
  /// Why.
  public let reason: String

  /// File, reason and remedy in a sentence.
  public var description: String {
    "\(path): the log cannot be written (\(reason)); free some space or check the permissions, then "
      + "resume the run"
  }
}
