import ArgumentParser
import Collectives
import Foundation
import Tensors

/// The command `slate doctor`.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what computes on this machine, and how fast.",
    discussion: """
      Prints the processor and its vector instructions, the kernels that were chosen for it and why, \
      what the container leaves the process, how many workers there are and why, whether MPI and HDF5 \
      are built in, and the measured rate of matrix products beside what the instructions promise. \
      What slows training down is said as a warning.
      """)

  @Option(
    help: ArgumentHelp(
      "Threads that share the work; default the number of processors.", valueName: "count"))
  var workers: Int?
  @Flag(help: "Print the result as a JSON object.") var json = false

  func validate() throws {
    if let workers, !(1...1024).contains(workers) {
      throw ValidationError("--workers \(workers): it must be between 1 and 1024")
    }
  }

  /// The report, in the form that it also has in run.json.
  private struct Findings: Encodable {
    let machine: MachineRecord
    let productsAreRight: Bool
    let traits: [String]
    /// How the number of workers was determined.
    let workersFrom: String
    /// The number of processes that a launcher started.
    let ranks: Int
    /// The name and version of MPI; nil if the program was built without it.
    let mpi: String?
  }

  func run() throws {
    let ranks = try Ranks.start()
    let share = WorkersOfRank(ranks, asked: workers)
    Workers.count = share.count
    let findings = Findings(
      machine: MachineRecord(), productsAreRight: Machine.productsAreRight, traits: Doctor.traits,
      workersFrom: share.origin, ranks: ranks.size, mpi: Communicator.library)
    if json {
      Console.print(try snakeCaseJSON(findings), terminator: "")
    } else {
      for (name, value) in Doctor.lines(findings) {
        Console.print(name.padding(toLength: 22, withPad: " ", startingAt: 0) + value)
      }
    }
    if !findings.productsAreRight {
      Console.warn(
        "OpenBLAS gives wrong products with its kernels for \(findings.machine.facts.openBLASKernels)"
          + "; choose others with OPENBLAS_CORETYPE (Haswell, Sandybridge, Nehalem)")
    }
    if let slowness = findings.machine.slowness { Console.warn(slowness) }
    if let warning = share.warning { Console.warn(warning) }
  }

  private static var traits: [String] {
    var names: [String] = []
    #if HDF5
      names.append("HDF5")
    #endif
    #if MPI
      names.append("MPI")
    #endif
    return names
  }

  private static func lines(_ findings: Findings) -> [(String, String)] {
    let (machine, rate) = (findings.machine.facts, findings.machine.rate)
    let quota = machine.processorQuota.map { "a quota of \($0.short)" } ?? "no quota"
    let share = 100 * rate.perCore / rate.promisedPerCore
    return [
      ("processor", machine.processor),
      ("vector instructions", machine.features.joined(separator: " ")),
      ("OpenBLAS", machine.openBLAS),
      ("its own choice", machine.openBLASChoice),
      ("kernels in use", "\(machine.openBLASKernels): \(machine.reason)"),
      ("results", findings.productsAreRight ? "equal those of plain loops" : "WRONG"),
      ("other kernels", machine.kernels),
      ("processors", "\(machine.processors), \(quota)"),
      ("workers", "\(machine.workers): \(findings.workersFrom)"),
      ("ranks", "\(findings.ranks)"),
      ("memory", "\((Double(machine.memory) / 1e9).short) GB"),
      (
        "products, one core",
        "\(rate.perCore.short) Gflop/s, \(share.short) % of what the instructions allow at best"
      ),
      ("products, all workers", "\(rate.together.short) Gflop/s"),
      ("MPI", findings.mpi ?? "not built in (--traits MPI)"),
      (
        "HDF5",
        findings.traits.contains("HDF5") ? "built in" : "not built in (--traits HDF5)"
      ),
    ]
  }
}
