import Foundation
import TestFolders
import Testing

@testable import Training

@Suite struct MetricsLogTests {
  private func text(_ url: URL) throws -> String { try String(contentsOf: url, encoding: .utf8) }

  @Test func linesKeepTheirOrderAndReachTheFileAtOnce() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      let log = try MetricsLog(url)
      #expect(try text(url) == "")
      try log.append([("step", .integer(0)), ("val_mse", .number(0.1)), ("a", .integer(-3))])
      #expect(try text(url) == "{\"step\": 0, \"val_mse\": 0.1, \"a\": -3}\n")
      try log.append([("step", .integer(1)), ("loss", .number(1e-7)), ("tau", .number(.nan))])
      try log.append([("step", .integer(2)), ("loss", .number(-.infinity))])
      #expect(
        try text(url).split(separator: "\n").dropFirst() == [
          "{\"step\": 1, \"loss\": 1e-07, \"tau\": null}", "{\"step\": 2, \"loss\": null}",
        ])
    }
  }

  @Test func whatIsReadIsWhatWasWritten() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      let log = try MetricsLog(url)
      let numbers = [0.1, 1e300, -1e-300, -2.5, Double(Int32.max), .nan]
      for (step, number) in numbers.enumerated() {
        try log.append([("step", .integer(step)), ("x", .number(number))])
      }
      let lines = try MetricsLog.read(url)
      #expect(lines.map { $0["step"] } == (0..<6).map { Double($0) })
      #expect(lines.prefix(5).map { $0["x"] } == numbers.prefix(5).map { $0 })
      #expect(lines[5]["x"]?.isNaN == true)
    }
  }

  @Test(
    "a step that cannot be counted with is an error that names the line",
    arguments: ["1e30", "-1e30", "null", "3.5", "-1", "\"x\"", "9007199254740994"])
  func steps(_ step: String) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      let content = "{\"step\": 1}\n{\"step\": \(step), \"loss\": 1}\n{\"x\": 1}\n"
      try Data(content.utf8).write(to: url)
      for attempt in [
        { _ = try MetricsLog.read(url) }, { _ = try MetricsLog(url, keepingStepsUpTo: 5) },
      ] {
        let error = #expect(throws: LogError.self) { try attempt() }
        #expect(error?.description.contains("the step of line 2") == true, "\(error as Any)")
      }
      #expect(try Data(contentsOf: url) == Data(content.utf8))
    }
  }

  @Test("a resumed run continues after its step", arguments: [(0, 2), (1, 3), (2, 4), (9, 5)])
  func resuming(_ step: Int, _ kept: Int) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      let lines = [0, 0, 1, 2, 3].map { "{\"step\": \($0), \"x\": 1}\n" }
      try Data(lines.joined().utf8).write(to: url)
      let log = try MetricsLog(url, keepingStepsUpTo: step)
      try log.append([("step", .integer(step + 1))])
      #expect(try text(url) == lines.prefix(kept).joined() + "{\"step\": \(step + 1)}\n")
    }
  }

  @Test(
    "a last line that was cut off is dropped",
    arguments: [
      "{\"step\": 1, \"x\"", "{", "{\"step\": 1}", "{\"step\": 1, \"x\n",
    ])
  func cutOff(_ tail: String) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      try Data("{\"step\": 0}\n\(tail)".utf8).write(to: url)
      #expect(try MetricsLog.read(url).count == 1)
      try MetricsLog(url).append([("step", .integer(1))])
      #expect(try text(url) == "{\"step\": 0}\n{\"step\": 1}\n")
    }
  }

  @Test func bytesThatAreNotTextAreNoReasonToForgetTheRest() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      for tail: [UInt8] in [[0xff, 0xfe], [0, 0, 0], [0xff, 0x0a]] {
        try Data(Array("{\"step\": 0}\n".utf8) + tail).write(to: url)
        _ = try MetricsLog(url)
        #expect(try text(url) == "{\"step\": 0}\n")
      }
    }
  }

  @Test func aDamagedLineInTheMiddleIsAnError() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      let content = Data("{\"step\": 0}\n[1]\n{\"step\": 2}\n".utf8)
      try content.write(to: url)
      for attempt in [{ _ = try MetricsLog(url) }, { _ = try MetricsLog.read(url) }] {
        let error = try #require(throws: LogError.self) { try attempt() }
        #expect(error.description.hasPrefix("\(url.path): line 2 is not a JSON object"))
      }
      #expect(try Data(contentsOf: url) == content)
    }
  }

  @Test("a line is as long as it may be, across the pieces that are read, and no longer")
  func longLines() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "metrics.jsonl")
      func line(_ step: Int, _ size: Int) -> String {
        let start = "{\"step\": \(step), \"x\": \""
        return start + String(repeating: "a", count: size - start.utf8.count - 2) + "\"}\n"
      }
      let lines = [line(0, 700_000), line(1, 700_000), line(2, 1 << 20), line(3, 40)]
      try Data(lines.joined().utf8).write(to: url)
      #expect(try MetricsLog.read(url).map { $0["step"] } == [0, 1, 2, 3])
      _ = try MetricsLog(url, keepingStepsUpTo: 1)
      #expect(try text(url) == lines.prefix(2).joined())
      // Whether a newline follows or not.
      for (size, end) in [(3 << 20, "\n"), (3 << 20, ""), (1 << 20 + 1, "\n")] {
        try Data((lines[3] + String(repeating: "a", count: size) + end).utf8).write(to: url)
        let error = #expect(throws: LogError.self) { try MetricsLog.read(url) }
        #expect(error?.reason == "line 2 has more than 1048576 bytes", "\(error as Any)")
      }
    }
  }

  @Test("a log that becomes shorter while it is read ends early")
  func shortened() async throws {
    let folder = try TemporaryFolder()
    await #expect(processExitsWith: .success) { [path = folder.path("metrics.jsonl") as String] in
      let url = URL(filePath: path)
      let line = "{\"step\": 7, \"x\": \"\(String(repeating: "a", count: 4000))\"}\n"
      let whole = Data(String(repeating: line, count: 2000).utf8)
      try whole.write(to: url)
      let file = try FileHandle(forWritingTo: url)
      let writer = Thread {
        while !Thread.current.isCancelled {
          _ = try? file.truncate(atOffset: 100_000)
          _ = try? file.seek(toOffset: 0)
          _ = try? file.write(contentsOf: whole)
        }
      }
      writer.start()
      for _ in 0..<100 {
        #expect(try MetricsLog.read(url).allSatisfy { $0["step"] == 7 })
      }
      writer.cancel()
      while !writer.isFinished { usleep(1000) }
    }
    withExtendedLifetime(folder) {}
  }

  @Test("a file with another name is not changed")
  func hardLink() throws {
    try withTemporaryFolder { folder in
      let (url, copy) = (folder.appending(path: "metrics.jsonl"), folder.appending(path: "copy"))
      try Data("{\"step\": 0}\n{\"step\": 1}\n".utf8).write(to: copy)
      #expect(link(copy.path, url.path) == 0)
      let error = #expect(throws: LogError.self) { try MetricsLog(url, keepingStepsUpTo: 0) }
      #expect(
        error?.description.contains("it is a hard link: the same file has another name") == true)
      #expect(try MetricsLog.read(copy).count == 2)
    }
  }

  @Test("a link is not followed, also where nothing is at its end", arguments: [true, false])
  func aLink(_ hasEnd: Bool) throws {
    try withTemporaryFolder { folder in
      let (url, other) = (folder.appending(path: "metrics.jsonl"), folder.appending(path: "other"))
      // What a last line that was cut off looks like.
      if hasEnd { try Data("mine".utf8).write(to: other) }
      #expect(symlink(other.path, url.path) == 0)
      let error = #expect(throws: LogError.self) { try MetricsLog(url) }
      #expect(error?.description.hasPrefix("\(url.path): it is a link, not a file") == true)
      #expect((try? text(other)) == (hasEnd ? "mine" : nil))
    }
  }

  @Test func aFolderThatDoesNotExist() throws {
    let url = URL(filePath: "/nonexistent/metrics.jsonl")
    let error = try #require(throws: LogError.self) { try MetricsLog(url) }
    #expect(error.description.hasPrefix("/nonexistent/metrics.jsonl: it cannot be written"))
    #expect(throws: LogError.self) { try MetricsLog.read(url) }
  }

  @Test func aFullDiskIsAnError() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        let log = try MetricsLog(folder.appending(path: "metrics.jsonl"))
        ProcessLimits.limitFileSize(to: 100)
        let error = try #require(throws: LogError.self) {
          for step in 0..<10 { try log.append([("step", .integer(step))]) }
        }
        #expect(error.description.contains("metrics.jsonl: the log cannot be written"))
        #expect(error.description.contains("free some space"))
      }
    }
  }
}
