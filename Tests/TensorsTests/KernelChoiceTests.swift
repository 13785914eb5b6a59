import CKernels
import Foundation
import TestFolders
import Testing

/// The choice of OpenBLAS's kernels, in processes of their own.
@Suite struct KernelChoiceTests {
  /// What KernelChoiceProbe prints, by name.
  private static func probe(
    _ arguments: String..., environment: [String: String] = [:]
  ) throws -> [String: String] {
    let process = Process()
    process.executableURL = builtPrograms.appending(path: "KernelChoiceProbe")
    process.arguments = arguments
    var inherited = ProcessInfo.processInfo.environment
    inherited["OPENBLAS_CORETYPE"] = nil
    process.environment = inherited.merging(environment) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    process.waitUntilExit()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    let pairs = text.split(separator: "\n").compactMap { line -> (String, String)? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (String(line[..<colon]), String(line[colon...].dropFirst(2)))
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  /// The kernels for this processor, best first.
  private static let expected: [String] = {
    let zen = ["AuthenticAMD", "HygonGenuine"].contains(String(cString: ck_processor_vendor()))
    let all = ["Sandybridge", zen ? "Zen" : "Haswell", "SkylakeX"]
    return all.prefix(max(Int(ck_processor_level()) - ck_level_baseline, 0)).reversed()
  }()

  private static let canChoose =
    (try? probe()["changeable"]) == "true" && !expected.isEmpty
  /// Whether there are three kinds of kernels to choose from.
  private static let canChooseAny = canChoose && expected.count == 3

  @Test(
    "a lesser choice is replaced, with the results of a process that began so",
    .enabled(if: KernelChoiceTests.canChoose))
  func replacement() throws {
    let probe = try Self.probe("from", "Prescott")
    #expect(probe["own"] == "Prescott" && probe["reason"] == "replaced", "\(probe)")
    #expect(probe["used"] == Self.expected.first, "\(probe)")
    #expect(probe["variable"] == "unset", "child processes would inherit it")
    let begun = try Self.probe(environment: ["OPENBLAS_CORETYPE": Self.expected[0]])
    #expect(probe["digest"] == begun["digest"])
    let lesser = try Self.probe(environment: ["OPENBLAS_CORETYPE": "Prescott"])
    #expect(probe["digest"] != lesser["digest"], "the kernels of Prescott do not fuse operations")
  }

  @Test(
    "kernels with a wrong result are left", .enabled(if: KernelChoiceTests.canChoose),
    arguments: ["sgemm", "dgemm", "dgetrf"])
  func brokenKernel(_ routine: String) throws {
    let probe = try Self.probe("from", "Prescott", "broken", routine)
    #expect(probe["reason"] == "check failed", "\(probe)")
    let untouched = try Self.probe()
    // OpenBLAS's own choice, made again without pretence.
    #expect(probe["used"] == untouched["own"] && probe["variable"] == "unset", "\(probe)")
  }

  @Test func whatTheUserChoseStays() throws {
    let probe = try Self.probe(environment: ["OPENBLAS_CORETYPE": "Prescott"])
    #expect(probe["reason"] == "chosen by user" && probe["variable"] == "Prescott", "\(probe)")
    #expect(probe["used"] == probe["own"])
  }

  @Test("a library without a choice is left as it is", .enabled(if: KernelChoiceTests.canChoose))
  func fixedLibrary() throws {
    let probe = try Self.probe("from", "Prescott", "fixed")
    #expect(probe["reason"] == "not changeable" && probe["used"] == "Prescott", "\(probe)")
  }

  @Test(
    "without the best kernels the next best are taken", .enabled(if: KernelChoiceTests.canChooseAny)
  )
  func nextBest() throws {
    let probe = try Self.probe("from", "Prescott", "without", "SkylakeX")
    #expect(probe["reason"] == "replaced" && probe["used"] == Self.expected[1], "\(probe)")
  }

  @Test(
    "kernels ask for no instruction that the processor lacks",
    .enabled(if: KernelChoiceTests.canChoose), arguments: 1...4)
  func levels(_ level: Int) throws {
    guard level - 1 <= Self.expected.count else { return }
    let probe = try Self.probe("from", "Prescott", "level", "\(level)")
    let all = ["Prescott"] + Self.expected.reversed()
    #expect(probe["used"] == all[level - 1], "\(probe)")
    #expect(probe["reason"] == (level == 1 ? "kept" : "replaced"), "\(probe)")
  }

  @Test(
    "of kernels for the same instructions, the faster ones for the maker are taken",
    .enabled(if: KernelChoiceTests.canChooseAny))
  func fasterOfLevel() throws {
    let intel = try Self.probe("from", "Cooperlake", "vendor", "GenuineIntel")
    #expect(intel["used"] == "SkylakeX" && intel["reason"] == "replaced", "\(intel)")
    let amd = try Self.probe("from", "Cooperlake", "vendor", "AuthenticAMD")
    #expect(amd["used"] == "Cooperlake" && amd["reason"] == "kept", "\(amd)")
    let best = try Self.probe("from", "SkylakeX", "vendor", "GenuineIntel")
    #expect(best["used"] == "SkylakeX" && best["reason"] == "kept", "\(best)")
  }

  @Test func productsRunOnTheThreadThatAsksForThem() throws {
    #expect(try Self.probe()["threads"] == "1")
    #expect(try Self.probe(environment: ["OPENBLAS_NUM_THREADS": "3"])["threads"] == "1")
  }
}
