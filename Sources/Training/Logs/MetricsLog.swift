import FileReading
import Foundation

/// A file of measurements with one JSON object per line.
///
/// ```swift
/// let log = try MetricsLog(url)
/// try log.append([("step", .integer(1)), ("loss", .number(812.5))])
/// ```
/// Every line is handed to the system before `append` returns, and keys keep their order. A number
/// that is not finite is written as null, because JSON cannot express it.
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

  /// Opens the log, or creates it.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - step: for a resumed run, its last finished step: lines of later steps are cut off, because
  ///     the run measures them again. Default: all lines are kept.
  ///
  /// A last line that was cut off is dropped.
  /// - Throws: `LogError` naming the file when it cannot be opened, is a link or anything else but a file, or
  ///   another line is damaged.
  public init(_ url: URL, keepingStepsUpTo step: Int = .max) throws {
    self.url = url
    let exists = FileManager.default.fileExists(atPath: url.path)
    var end = 0
    if exists {
      // The log of a long run should not be held in memory as a whole. The part behind the cut is
      // read too, to find damage.
      var isKept = true
      try MetricsLog.forEachLine(of: url) { values, endOfLine in
        isKept = isKept && values["step"].map { $0 <= Double(step) } ?? true
        if isKept { end = endOfLine }
      }
    }
    file = try FileHandle(changingLog: url)
    do {
      try file.truncate(atOffset: UInt64(end))
      try file.seekToEnd()
    } catch {
      throw LogError(path: url.path, notWritten: error)
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
      throw LogError(path: url.path, notWritten: error)
    }
  }

  /// The numbers of each line by key; null becomes NaN.
  ///
  /// The key `step`, where a line has it, is a whole number from 0 to 2^53.
  ///
  /// A last line that was cut off is ignored, because a run may be writing it at this moment.
  ///
  /// - Throws: `LogError` naming the file when it cannot be read, or another line is damaged.
  public static func read(_ url: URL) throws -> [[String: Double]] {
    var lines: [[String: Double]] = []
    try forEachLine(of: url) { values, _ in lines.append(values) }
    return lines
  }

  /// Whether a number can be that of a step, so that it can be counted with.
  private static func isStep(_ number: Double) -> Bool {
    Int(exactly: number).map { (0...1 << 53).contains($0) } ?? false
  }

  /// The most bytes of a line, and those that are read at once.
  private static let longestLine = 1 << 20

  /// Calls `body` with the numbers of each line and the offset at which the next line begins.
  ///
  /// The file is read in pieces, not mapped: another process that resumes the run may shorten it meanwhile.
  private static func forEachLine(
    of url: URL, _ body: (_ values: [String: Double], _ end: Int) -> Void
  ) throws {
    var number = 1
    func damaged(_ what: String) -> LogError {
      LogError(path: url.path, reason: what, remedy: "mend or remove the line")
    }
    func expectShort(_ line: ArraySlice<UInt8>) throws {
      guard line.count <= longestLine else {
        throw damaged("line \(number) has more than \(longestLine) bytes")
      }
    }
    do {
      let file = try RegularFile(url.path)
      // Where line `number` begins, and the bytes that have been read from there on.
      var (start, bytes) = (0, [UInt8]())
      while true {
        let position = start + bytes.count
        let former = bytes.count
        bytes = try file.bytes(
          position..<min(position + longestLine, file.size), after: bytes)
        // What is left is a line that was cut off.
        guard bytes.count > former else { return }
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
          let line = rest[..<newline]
          rest = rest[(newline + 1)...]
          start += line.count + 1
          try expectShort(line)
          guard let object = try? JSONSerialization.jsonObject(with: Data(line)),
            let fields = object as? [String: Any]
          else {
            if start == file.size { return }
            throw damaged("line \(number) is not a JSON object")
          }
          let values = fields.mapValues { ($0 as? NSNumber)?.doubleValue ?? .nan }
          guard values["step"].map(MetricsLog.isStep) ?? true else {
            throw damaged("the step of line \(number) is no whole number from 0 to 2^53")
          }
          body(values, start)
          number += 1
        }
        try expectShort(rest)
        bytes = Array(rest)
      }
    } catch let fault as RegularFile.Fault {
      throw LogError(
        path: url.path, reason: fault.reason, remedy: "check the path and its permissions")
    }
  }
}
