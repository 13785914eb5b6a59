import CKernels
import Foundation
import Tensors

/// The number of workers of a rank, and the reason for it.
public struct WorkersOfRank: Sendable, Equatable {
  /// The number of workers.
  public let count: Int
  /// The reason for this number, such as "the processors that the launcher left this process".
  public let origin: String
  /// A warning, which rank 0 prints, if the ranks of this machine have more workers than it has
  /// processors for them; nil otherwise.
  public let warning: String?

  /// What a rank knows about its machine.
  struct Place: Sendable, Equatable {
    /// The machine's name.
    var host: String
    /// The numbers of the processors that the process may run on.
    var processors: [Int]
    /// The number of processors for which the control groups grant time; nil if they set no bound.
    var quota: Double?
    /// The value of `SLURM_CPUS_PER_TASK`.
    var slurm: Int?
  }

  /// Determines the number; all ranks call this.
  ///
  /// If the user asks for no number, it is the least of three: the number of processors that Slurm
  /// gives each task, that of the processors on which the process may run, and that of the whole
  /// processors in its quota. Ranks on one machine that may run on the same processors, as they do
  /// without binding, share them equally.
  ///
  /// - Parameters:
  ///   - ranks: the ranks.
  ///   - asked: the number for which the user asked; nil for none.
  ///   - environment: the environment variables of the process.
  public init(
    _ ranks: Communicator, asked: Int? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    let quota = ck_processor_quota("")
    let isTask = environment["SLURM_PROCID"] != nil
    let place = Place(
      host: ProcessInfo.processInfo.hostName, processors: WorkersOfRank.allowedProcessors,
      quota: quota > 0 ? quota : nil,
      slurm: isTask
        ? environment["SLURM_CPUS_PER_TASK"].flatMap { Int($0) }.flatMap { $0 >= 1 ? $0 : nil }
        : nil)
    let hosts = ranks.gather(place.host)
    let sets = ranks.gather(place.processors.map(Double.init)).map { $0.map { Int($0) } }
    let neighbours = hosts.indices.filter { hosts[$0] == place.host }
    self.init(place, besides: neighbours.map { sets[$0] }, asked: asked)
    // Rank 0 reports about its own machine; the others are usually alike.
  }

  /// Determines the number from what is known about the machine.
  ///
  /// - Parameters:
  ///   - place: what this rank knows about its machine.
  ///   - sets: the processors of each rank on the machine, this one included.
  ///   - asked: the number for which the user asked; nil for none.
  init(_ place: Place, besides sets: [[Int]], asked: Int?) {
    let here = max(1, sets.count)
    let all = Set(sets.joined()).count
    let isShared = sets.reduce(0) { $0 + $1.count } > all
    var candidates: [(count: Int, origin: String)] = []
    if let slurm = place.slurm { candidates.append((slurm, "SLURM_CPUS_PER_TASK")) }
    if here > 1, isShared {
      candidates.append(
        (max(1, all / here), "\(all) processors shared by \(here) ranks on this machine"))
    } else {
      candidates.append(
        (
          max(1, place.processors.count),
          here > 1
            ? "the processors that the launcher left this rank"
            : "the processors that this process may use"
        ))
    }
    if let quota = place.quota {
      let share = max(1, Int(quota) / here)
      candidates.append((share, "the quota of \(text(quota)) processors of the control group"))
    }
    let least = candidates.min { $0.count < $1.count }
    count = asked ?? least?.count ?? 1
    origin = asked == nil ? (least?.origin ?? "the default") : "--workers"
    let available = place.quota.map { min(Double(all), $0) } ?? Double(all)
    warning =
      here > 1 && Double(here * count) > available.rounded(.up)
      ? "\(here) ranks of \(count) \(count == 1 ? "worker" : "workers") share \(text(available)) "
        + "\(available == 1 ? "processor" : "processors") of this machine: start fewer ranks, or give "
        + "fewer --workers"
      : nil
  }

  /// The numbers of the processors that this process may run on.
  private static var allowedProcessors: [Int] {
    var numbers = [Int32](repeating: 0, count: 4096)
    let count = ck_list_allowed_processors(&numbers, numbers.count)
    return numbers.prefix(count).map(Int.init)
  }
}

/// Without a fraction where there is none.
private func text(_ number: Double) -> String {
  number == number.rounded() ? "\(Int(number))" : "\(number)"
}
