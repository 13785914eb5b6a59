import Foundation
import Tensors

/// Answers the lines of standard input with one line of JSON each, until it ends.
func serve(_ chosen: Case) throws {
  reply([("ready", "true"), ("workers", "\(Workers.count)")])
  while let command = readLine() {
    switch command {
    case "round":
      reply([("seconds", "\(try secondsOfARound(chosen.round))")])
    case "memory":
      reply([("bytes", "\(peakMemory())")])
    case "profile":
      let profile = try Profile.measuring(chosen.round).profile
      let rows = profile.rows.map { row in
        #"{"name": "\#(row.name)", "backward": \#(row.isBackward), "calls": \#(row.calls), "#
          + #""seconds": \#(row.seconds), "operations": \#(row.operations)}"#
      }
      reply([
        ("operations", "\(profile.operations)"), ("rows", "[\(rows.joined(separator: ", "))]"),
      ])
    default:
      reply([("error", "\"unknown command\"")])
    }
  }
}

private func reply(_ fields: [(String, String)]) {
  let line = "{" + fields.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}\n"
  FileHandle.standardOutput.write(Data(line.utf8))
}

/// The process's largest resident memory in bytes; 0 where the system does not say.
private func peakMemory() -> Int {
  guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
    let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM") }),
    let kilobytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) })
  else { return 0 }
  return kilobytes * 1024
}
