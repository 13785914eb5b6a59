import Foundation
import TestFolders
import Testing

/// What a terminal shows.
#if os(Linux)
  @Suite struct TerminalTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// All that a training run writes to a terminal of its own.
    private func shown(_ arguments: [String]) throws -> String {
      let program = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
      try #require(program >= 0)
      defer { close(program) }
      // TIOCSPTLCK and TIOCGPTN: macros that Swift does not see.
      var (unlocked, number): (Int32, UInt32) = (0, 0)
      try #require(ioctl(program, 0x4004_5431, &unlocked) == 0)
      try #require(ioctl(program, 0x8004_5430, &number) == 0)
      let terminal = FileHandle(
        fileDescriptor: open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC),
        closeOnDealloc: true)
      try #require(terminal.fileDescriptor >= 0)
      let process = Process()
      process.executableURL = builtPrograms.appending(path: "slate")
      process.arguments = SlateProgram.tinyTraining(arguments, out: folder.path("run"))
      (process.standardOutput, process.standardError) = (terminal, terminal)
      try process.run()
      var (text, bytes) = (Data(), [UInt8](repeating: 0, count: 4096))
      while true {
        let isRunning = process.isRunning
        var ready = pollfd(fd: program, events: Int16(POLLIN), revents: 0)
        if poll(&ready, 1, 50) > 0, ready.revents & Int16(POLLIN) != 0 {
          let count = read(program, &bytes, bytes.count)
          if count > 0 { text.append(contentsOf: bytes[..<count]) }
        } else if !isRunning {
          break
        }
      }
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      return String(decoding: text, as: UTF8.self)
    }

    /// The lines as they stay on the terminal: what a line was before it was removed is left out.
    private func lines(_ text: String) -> [String] {
      text.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
        .map { line in line.components(separatedBy: "\r\u{1b}[K").last ?? "" }
    }

    @Test("warnings and validations stand above the bar, which stays at the end")
    func bar() throws {
      try writeImages(200, folder, "images")
      // Damaged images among those that only training reads.
      for index in [1020, 1060, 1100] {
        let damaged = folder.url.appending(path: "images/\(index).png")
        try Data(contentsOf: damaged).dropLast(20).write(to: damaged)
      }
      let text = try shown([
        "--steps", "400", "--val-every", "200", "--data", folder.path("images"),
        "--max-unreadable", "5",
      ])
      let lines = lines(text)
      #expect(text.contains("steps/s"), "there was no bar: \(text)")
      let warnings = lines.filter { $0.contains("warning: skipped") }
      #expect(!warnings.isEmpty && warnings.allSatisfy { $0.hasPrefix("warning: ") }, "\(warnings)")
      for line in lines where line.contains("validation at step") {
        #expect(line.hasPrefix("validation at step"))
      }
      let bars = lines.filter { $0.contains("steps/s") }
      #expect(bars.count == 1 && bars[0].contains(" 400/400 "), "\(bars)")
      let last = try #require(lines.lastIndex { $0.contains("validation at step 400") })
      #expect(lines[last + 1].contains(" 400/400 ") && lines[last + 2].hasPrefix("a step took"))
      // What ends with a newline leaves one empty line behind it, and there is no other.
      #expect(lines.dropLast().allSatisfy { !$0.isEmpty }, "\(lines)")
    }
  }
#endif
