#if os(Linux)
  import CKernels
  import Foundation
  import TestFolders
  import Testing

  /// The pool of buffers, asked by two threads at once.
  ///
  /// Each test has a process of its own, which an alarm ends where it hangs.
  @Suite struct PoolTests {
    /// Runs `body` on two threads from the same moment on.
    ///
    /// - Parameters:
    ///   - room: how many bytes the address space may grow by; nil for no limit.
    ///   - body: what each of the threads does.
    /// - Throws: an error where the limit cannot be set.
    private static func onTwoThreads(
      room: Int? = nil, _ body: @escaping @Sendable (_ thread: Int) -> Void
    ) throws {
      alarm(120)
      let (ready, go, done) = (DispatchGroup(), DispatchSemaphore(value: 0), DispatchGroup())
      for thread in 0..<2 {
        ready.enter()
        done.enter()
        Thread.detachNewThread {
          ready.leave()
          go.wait()
          body(thread)
          done.leave()
        }
      }
      ready.wait()
      if let room { try limitMemory(room) }
      go.signal()
      go.signal()
      done.wait()
    }

    private static func limitMemory(_ room: Int) throws {
      let pages = try #require(
        Int(try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).prefix { $0 != " " }))
      let bytes = pages * Int(getpagesize()) + room
      var limit = rlimit(rlim_cur: numericCast(bytes), rlim_max: numericCast(bytes))
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0)
    }

    @Test("threads give the pool back while others take from it and add to it")
    func draining() async {
      await #expect(processExitsWith: .success) {
        try PoolTests.onTwoThreads { _ in
          for _ in 0..<60_000 {
            let buffers = (1...8).map { (size: 64 * $0, memory: ck_allocate(64 * $0)) }
            for buffer in buffers { ck_release(buffer.memory, buffer.size) }
            ck_drain_pool()
          }
        }
      }
    }

    /// Two buffers at a time fit, but not one of each size, so that both threads give the pool back often.
    ///
    /// How the system's allocator cuts the address space decides whether there is always room.
    @Test("at the limit two threads go on, or the process ends with the reason")
    func limitReached() async {
      let result = await #expect(
        processExitsWith: .exitCode(EXIT_FAILURE), observing: [\.standardErrorContent]
      ) {
        try PoolTests.onTwoThreads(room: 320 << 20) { thread in
          for round in 0..<20_000 {
            let size = (9 + (7 * round + 5 * thread) % 8) << 22
            let buffer = ck_allocate(size)
            buffer?.storeBytes(of: UInt8(thread), as: UInt8.self)
            ck_release(buffer, size)
          }
        }
        FileHandle.standardError.write(Data("finished\n".utf8))
        exit(EXIT_FAILURE)
      }
      expectReason(errorText(result), orElse: "finished")
    }

    @Test("memory that two threads use up ends the process with the reason")
    func limitPassed() async {
      let result = await #expect(
        processExitsWith: .exitCode(EXIT_FAILURE), observing: [\.standardErrorContent]
      ) {
        try PoolTests.onTwoThreads(room: 320 << 20) { thread in
          for round in 0... {
            let size = (1 + (round + thread) % 8) << 20
            let buffer = ck_allocate(size)
            buffer?.storeBytes(of: UInt8(thread), as: UInt8.self)
            // Every third one stays in use.
            if round % 3 != 0 { ck_release(buffer, size) }
          }
        }
      }
      expectReason(errorText(result))
    }

    /// Both threads may find that there is no memory, so that there may be two lines.
    private func expectReason(_ text: String, orElse other: String? = nil) {
      let lines = text.split(separator: "\n").map(String.init)
      #expect(
        !lines.isEmpty
          && lines.allSatisfy { $0 == other || $0.hasPrefix("out of memory: a tensor of ") },
        "\(text)")
    }
  }
#endif
