#if MPI
  import Foundation
  import TestFolders
  import Testing

  /// Programs started by the launcher of MPI, as a user would.
  struct Launched {
    let process: Process
    private let output: URL
    private let errors: URL
    private let start = ContinuousClock.now

    struct Outcome {
      let status: Int32
      let output: String
      let errors: String
      let seconds: Double
    }

    /// Starts ranks of a program; with 0 ranks, the program without the launcher.
    ///
    /// `MPIEXEC` names another launcher than mpirun. More ranks than processors are allowed, and those that wait
    /// let others go on.
    init(_ ranks: Int, _ program: String, _ arguments: [String], in place: URL) throws {
      let environment = ProcessInfo.processInfo.environment
      process = Process()
      let executable = builtPrograms.appending(path: program).path
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments =
        (ranks > 0 ? [environment["MPIEXEC"] ?? "mpirun", "-n", "\(ranks)"] : []) + [executable]
        + arguments
      process.environment = environment.merging([
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
        "OMPI_MCA_mpi_yield_when_idle": "1",
      ]) { _, new in new }
      process.currentDirectoryURL = place
      // Files, because a pipe that nobody reads stops who writes.
      let name = UUID().uuidString
      (output, errors) = (
        place.appending(path: name + ".out"), place.appending(path: name + ".err")
      )
      for (url, isOutput) in [(output, true), (errors, false)] {
        _ = FileManager.default.createFile(atPath: url.path, contents: nil)
        let handle = try FileHandle(forWritingTo: url)
        if isOutput { process.standardOutput = handle } else { process.standardError = handle }
      }
      // Threads that tests run on block signals, and a launcher inherits that.
      var signals = sigset_t()
      sigfillset(&signals)
      pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      try process.run()
    }

    /// Waits for the end; a job that takes longer than `patience` seconds is ended, and an issue.
    func wait(patience: Int = 300) throws -> Outcome {
      if !hasEnded(within: patience) {
        Issue.record("a job has not ended within \(patience) s")
        end()
      }
      process.waitUntilExit()
      return Outcome(
        status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
        errors: try String(contentsOf: errors, encoding: .utf8),
        seconds: start.duration(to: .now) / .seconds(1))
    }

    /// Ends what still runs, the ranks too.
    func end() {
      guard process.isRunning else { return }
      process.terminate()
      guard !hasEnded(within: 30) else { return }
      for identifier in [process.processIdentifier] + descendants { kill(identifier, SIGKILL) }
    }

    private func hasEnded(within seconds: Int) -> Bool {
      let deadline = ContinuousClock.now + .seconds(seconds)
      while process.isRunning, ContinuousClock.now < deadline {
        Thread.sleep(forTimeInterval: 0.02)
      }
      return !process.isRunning
    }

    /// The processes of a program among those that this one started, by their ranks' order of start.
    func ranks(of program: String) -> [Int32] {
      descendants.filter {
        let name = try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)
        return name?.hasPrefix(program.prefix(15)) == true
      }.sorted()
    }

    /// The processes that this one started, and theirs.
    private var descendants: [Int32] {
      var found: [Int32] = []
      var waiting = [process.processIdentifier]
      while let parent = waiting.popLast() {
        let path = "/proc/\(parent)/task/\(parent)/children"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let children = text.split(separator: " ").compactMap { Int32($0) }
        waiting += children
        found += children
      }
      return found
    }

    static func run(
      _ ranks: Int, _ program: String, _ arguments: String..., in place: URL
    ) throws -> Outcome {
      try Launched(ranks, program, arguments, in: place).wait()
    }
  }
#endif
