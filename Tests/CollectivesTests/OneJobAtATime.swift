#if MPI
  import Testing

  /// Runs the tests of several suites one after another, from the beginning on and beside all others.
  ///
  /// The ranks of two jobs would wait for each other's processors. `.serialized` sees to that within a suite, but
  /// each test after the first then begins when all others of the package have, and at the end the processors
  /// have little else to do while ranks start, wait and end. At another priority these tests have a thread of
  /// their own.
  struct OneJobAtATime: SuiteTrait, TestTrait, TestScoping {
    private static let turn = Turn()

    var isRecursive: Bool { true }

    func provideScope(
      for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
      guard testCase != nil else { return try await function() }
      try await withoutActuallyEscaping(function) { function in
        try await Task(priority: .high) {
          await Self.turn.begin()
          let outcome: Result<Void, any Error>
          do { outcome = .success(try await function()) } catch { outcome = .failure(error) }
          await Self.turn.end()
          try outcome.get()
        }.value
      }
    }
  }

  /// Lets one task at a time go on, in the order in which they came.
  private actor Turn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func begin() async {
      guard isTaken else {
        isTaken = true
        return
      }
      await withCheckedContinuation { waiting.append($0) }
    }

    func end() {
      if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
  }

  extension Trait where Self == OneJobAtATime {
    static var oneJobAtATime: Self { OneJobAtATime() }
  }
#endif
