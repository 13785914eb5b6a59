import ArgumentParser
import Foundation
import Tensors

/// `slate doctor`.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what computes on this machine, and how fast.",
    discussion: """
      Prints the processor and its vector instructions, the kernels that were chosen for it and why, \
      what the container leaves the process, and the measured rate of matrix products beside what \
      the instructions promise. What slows training down is said as a warning.
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

  /// Everything that is known, as it stands in run.json too.
  private struct Findings: Encodable {
    let machine: MachineRecord
    let productsAreRight: Bool
    let traits: [String]
  }

  func run() throws {
    if let workers { Workers.count = workers }
    let findings = Findings(
      machine: MachineRecord(), productsAreRight: Machine.productsAreRight, traits: Doctor.traits)
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
  }

  private static var traits: [String] {
    #if HDF5
      ["HDF5"]
    #else
      []
    #endif
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
      ("workers", "\(machine.workers)"),
      ("memory", "\((Double(machine.memory) / 1e9).short) GB"),
      (
        "products, one core",
        "\(rate.perCore.short) Gflop/s, \(share.short) % of what the instructions allow at best"
      ),
      ("products, all workers", "\(rate.together.short) Gflop/s"),
      ("traits", findings.traits.isEmpty ? "none" : findings.traits.joined(separator: ", ")),
    ]
  }
}
