import Collectives
import DataLoading
import Foundation
import Synchronization
import Tensors

/// The processes that a launcher started, as the program sees them.
enum Ranks {
  private static let started = Mutex<Communicator?>(nil)

  /// Connects to the other ranks.
  ///
  /// If no launcher started the process, it is alone.
  ///
  /// From then on, ranks other than 0 print neither progress nor warnings, because rank 0 prints
  /// the same.
  ///
  /// - Parameter patience: the number of seconds after which a rank that waits for others ends the
  ///   job.
  /// - Returns: the ranks.
  /// - Throws: `BuiltWithoutMPI`, `TasksWithoutPMI`.
  static func start(patience: Int = defaultPatience) throws -> Communicator {
    let ranks = try Communicator.ofLauncher(patience: Double(patience))
    started.withLock { $0 = ranks }
    Console.isSilent.store(ranks.rank > 0, ordering: .relaxed)
    return ranks
  }

  /// The number of seconds after which a rank that waits for others ends the job.
  static let defaultPatience = 600

  /// Stops a command that only one process can run, if a launcher started several, connected or not.
  static func expectOne(
    _ command: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    let launcher = Launcher(environment: environment)
    let tasks = TasksWithoutPMI(environment: environment).map { (name: "Slurm", size: $0.size) }
    guard let started = launcher.map({ (name: $0.name, size: $0.size) }) ?? tasks, started.size > 1
    else { return }
    let remedy = tasks == nil ? "start it without the launcher" : "start it with srun --ntasks=1"
    throw RunError(
      path: "slate \(command)", reason: "\(started.name) started it \(started.size) times",
      remedy: "\(remedy): train and evaluate are what ranks share")
  }

  /// Prints why the program ends, and makes the other ranks end too.
  static func fail(_ text: String, _ error: any Error, status: Int32) {
    guard let ranks = started.withLock({ $0 }), ranks.size > 1 else {
      Console.complain(text)
      return
    }
    guard error is any KnownToAllRanks else {
      Console.complain("rank \(ranks.rank): \(text)")
      ranks.abort(status: status)
    }
    if ranks.rank == 0 { Console.complain(text) }
    ranks.end()
  }

  /// Ends the connection after success.
  static func end() { started.withLock { $0 }?.end() }
}

/// A command that several ranks can share.
protocol SharedCommand {}

extension Train: SharedCommand {}
extension Evaluate: SharedCommand {}
extension Doctor: SharedCommand {}

/// An error that every rank throws, so that no rank waits for another.
protocol KnownToAllRanks: Error {}

extension RankFailure: KnownToAllRanks {}
extension RanksDiffer: KnownToAllRanks {}
extension NotFinite: KnownToAllRanks {}

/// An error that all ranks have found in the same way.
struct SharedError: KnownToAllRanks, CustomStringConvertible {
  let underlying: any Error
  var description: String { "\(underlying)" }
}

extension BatchShare {
  /// The part of each batch that belongs to a rank.
  init(_ ranks: Communicator) {
    self.init(rank: ranks.rank, size: ranks.size) { failed in
      // JSON, because a reason may be any text.
      let own = failed.isEmpty ? Data() : ((try? JSONEncoder().encode(failed)) ?? Data())
      return ranks.gather(bytes: Array(own)).reduce(into: [:]) { all, bytes in
        guard !bytes.isEmpty,
          let part = try? JSONDecoder().decode([Int: String].self, from: Data(bytes))
        else { return }
        all.merge(part) { first, _ in first }
      }
    }
  }
}

extension Communicator {
  /// The results of `body` for each number below `count`.
  ///
  /// Each number is computed on one of the ranks, and all ranks get all results.
  ///
  /// - Parameters:
  ///   - count: the number of calls.
  ///   - isStopped: called before each of them; says whether to give up.
  ///   - body: must not depend on other calls; it is called by the workers of a rank.
  /// - Returns: the results for 0, 1, and so on.
  /// - Throws: `Evaluation.Stopped` when any rank gave up; with one rank, what `body` throws; with
  ///   several, `RankFailure` on all.
  func sharing(
    _ count: Int, until isStopped: @Sendable () -> Bool = { false },
    _ body: @Sendable (Int) throws -> [Double]
  ) throws -> [[Double]] {
    let (rank, size) = (rank, size)
    let own = Array(stride(from: rank, to: count, by: size))
    // Workers share the products of a part that is alone, which changes the order of sums. So if a
    // rank has one of several parts, it gets an empty part beside it, and bits do not depend on the
    // number of ranks.
    let parts = count > 1 ? max(own.count, 2) : own.count
    let outcome = Result {
      try Workers.map(parts) { index -> [Double] in
        guard index < own.count else { return [] }
        if isStopped() { throw Evaluation.Stopped() }
        return try body(own[index])
      }
    }
    guard size > 1 else { return try outcome.get() }
    var stopped = false
    if case .failure(let error) = outcome { stopped = error is Evaluation.Stopped }
    if any(stopped) { throw Evaluation.Stopped() }
    let found = try agree(outcome).prefix(own.count)
    var all = [[Double]](repeating: [], count: count)
    for (rank, numbers) in gather(found.flatMap { [Double($0.count)] + $0 }).enumerated() {
      var position = 0
      for index in stride(from: rank, to: count, by: size) {
        let length = Int(numbers[position])
        all[index] = Array(numbers[position + 1..<position + 1 + length])
        position += 1 + length
      }
    }
    return all
  }
}
