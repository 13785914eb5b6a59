import ArgumentParser
import Foundation
import RandomCells

/// Every solver with every estimator on thousands of random cells, compared with dense solutions.
///
///     swift run -c release SweepRandomCells                        # 12,000 cells
///     swift run -c release SweepRandomCells --cells '700..<701'    # one of them
///     swift run -c release SweepRandomCells --expanding            # 1,000 maps through fixedPoint
///
/// Prints every claim that is not true, with the seed and the number that repeat it, and a table of
/// their kinds. The cells are tried in child processes, so that a crash is counted and the sweep
/// goes on with the next combination. The exit code is 1 if anything was found.
@main struct SweepRandomCells: ParsableCommand {
  @Option(help: "The numbers of the cells, A..<B; default 0..<12000, or 0..<1000 if expanding.")
  var cells: String?
  @Option(help: "The seed of all cells.")
  var seed: UInt64 = 1
  @Option(help: "The only solver, such as newton-krylov.")
  var solver: String?
  @Option(help: "The only estimator, such as restarted-gmres.")
  var estimator: String?
  @Flag(help: "Expanding maps through fixedPoint.")
  var expanding = false
  @Flag(help: .hidden)
  var child = false
  @Option(help: .hidden)
  var skip = 0

  func validate() throws {
    let sweep = Sweep(seed: seed, solver: solver, estimator: estimator)
    guard !sweep.solvers.isEmpty, !sweep.estimators.isEmpty else {
      let all = Sweep(seed: seed)
      throw ValidationError(
        "there is no such solver or estimator; solvers: "
          + all.solvers.map(\.word).joined(separator: ", ") + "; estimators: "
          + all.estimators.map(\.word).joined(separator: ", "))
    }
  }

  func run() throws {
    let numbers = try range()
    if child { return runChild(numbers) }
    var tally = Tally()
    var (next, skipped) = (numbers.lowerBound, skip)
    while next < numbers.upperBound {
      let end = try runProcess(next..<numbers.upperBound, skip: skipped, &tally)
      guard let crash = end else { break }
      (next, skipped) = (crash.cell, crash.position + 1)
    }
    print(tally.table(of: numbers.count))
    if !tally.isEmpty { throw ExitCode.failure }
  }

  private func range() throws -> Range<Int> {
    guard let cells else { return 0..<(expanding ? 1000 : 12000) }
    let ends = cells.components(separatedBy: "..<").compactMap { Int($0) }
    guard ends.count == 2, ends[0] >= 0, ends[0] < ends[1] else {
      throw ValidationError("the cells are a range such as 0..<100, not \(cells)")
    }
    return ends[0]..<ends[1]
  }

  /// Tries the cells in this process, telling what is tried before it is tried.
  private func runChild(_ numbers: Range<Int>) {
    let output = FileHandle.standardOutput
    func say(_ fields: String...) {
      output.write(Data((fields.joined(separator: "\t") + "\n").utf8))
    }
    let sweep = Sweep(seed: seed, solver: solver, estimator: estimator)
    func tell(_ violation: Violation) {
      say("!", violation.kind, violation.solver, violation.estimator, "\(violation)")
    }
    for number in numbers {
      if expanding {
        sweep.expandingViolations(number).forEach(tell)
      } else {
        sweep.judge(
          cell: number, skipping: number == numbers.lowerBound ? skip : 0,
          starting: { say("@", "\(number)", "\($0)", $1, $2) }, finding: tell)
      }
    }
  }

  /// Tries the cells in a child process.
  ///
  /// - Returns: what it was at when it died; nil if it came to the end.
  private func runProcess(
    _ numbers: Range<Int>, skip: Int, _ tally: inout Tally
  ) throws -> (cell: Int, position: Int)? {
    let process = Process()
    process.executableURL = Bundle.main.executableURL
    process.arguments =
      ["--cells", "\(numbers.lowerBound)..<\(numbers.upperBound)", "--seed", "\(seed)"]
      + ["--child", "--skip", "\(skip)"] + (expanding ? ["--expanding"] : [])
      + (solver.map { ["--solver", $0] } ?? []) + (estimator.map { ["--estimator", $0] } ?? [])
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    var last: (cell: Int, position: Int)?
    var lastNames = ("", "")
    var rest = Data()
    while true {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { break }
      rest.append(data)
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
        rest.removeSubrange(rest.startIndex...end)
        let fields = line.components(separatedBy: "\t")
        if fields.first == "@", fields.count == 5, let cell = Int(fields[1]),
          let position = Int(fields[2])
        {
          last = (cell, position)
          lastNames = (fields[3], fields[4])
        } else if fields.first == "!", fields.count >= 5 {
          tally.add(kind: fields[1], solver: fields[2], estimator: fields[3])
          print(fields[4...].joined(separator: " "))
        }
      }
    }
    let message = String(
      decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus != 0, let last else { return nil }
    let cause = message.components(separatedBy: "\n").first { !$0.isEmpty } ?? "no message"
    tally.add(kind: "crash", solver: lastNames.0, estimator: lastNames.1)
    print(
      "crash | \(lastNames.0) | \(lastNames.1) | cell \(last.cell) of seed \(seed): "
        + cause.prefix(200))
    return last
  }
}

/// How many violations of each kind.
private struct Tally {
  private var counts: [String: Int] = [:]

  var isEmpty: Bool { counts.isEmpty }

  mutating func add(kind: String, solver: String, estimator: String) {
    counts["\(kind) | \(solver) | \(estimator)", default: 0] += 1
  }

  func table(of cells: Int) -> String {
    let lines = counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
      .map { "\($0.value)\t\($0.key)" }
    return (["\(cells) cells, \(counts.values.reduce(0, +)) violations"] + lines)
      .joined(separator: "\n")
  }
}
