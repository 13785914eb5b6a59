import Foundation
import Tensors
import Testing

@testable import slate

/// What is said of the machine, and when it is a warning.
@Suite struct DoctorTests {
  private static func findings(
    _ environment: [String: String?] = [:]
  ) throws -> (machine: Machine, all: [String: Any]) {
    let outcome = try SlateProgram.run(
      "doctor", "--json", "--workers", "3", environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let all = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    let machine = try #require(all["machine"] as? [String: Any])
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { path in
      let words = (path.last?.stringValue ?? "").split(separator: "_")
      let name = (words.first ?? "") + words.dropFirst().map(\.capitalized).joined()
      return Key(stringValue: name.replacingOccurrences(of: "openBlas", with: "openBLAS"))
    }
    let facts = try JSONSerialization.data(withJSONObject: try #require(machine["facts"]))
    return (try decoder.decode(Machine.self, from: facts), all)
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  @Test func theDoctorSaysWhatComputes() throws {
    let (machine, all) = try Self.findings(["OPENBLAS_CORETYPE": nil])
    #expect(machine.workers == 3)
    #expect(machine.processors >= 1 && machine.memory > 1 << 20)
    #expect(machine.processor == Machine.current.processor)
    #expect(machine.openBLAS.contains("OpenBLAS"))
    #expect(all["products_are_right"] as? Bool == true)
    let text = try SlateProgram.run("doctor", environment: ["OPENBLAS_CORETYPE": nil]).output
    for word in [machine.processor, machine.openBLASKernels, "Gflop/s", "HDF5", "MPI"] {
      #expect(text.contains(word), "\(text)")
    }
  }

  @Test("what the user chose is what is used, and is said")
  func choices() throws {
    #if arch(x86_64) && os(Linux)
      let (machine, _) = try Self.findings([
        "OPENBLAS_CORETYPE": "Prescott", "IMPLICIT_LAYERS_KERNELS": "baseline",
      ])
      #expect(machine.kernels == "baseline")
      // A build with one set of kernels does not read the variable, but it is the user's word.
      #expect(machine.reason.contains("OPENBLAS_CORETYPE"))
      let wrong = try SlateProgram.run(
        "doctor", environment: ["IMPLICIT_LAYERS_KERNELS": "avx3"])
      #expect(wrong.status != 0 && wrong.errors.contains("avx3"), "\(wrong.errors)")
      #expect(wrong.errors.contains("baseline"))
    #endif
  }

  @Test func aRateBelowAQuarterIsAWarning() throws {
    func record(perCore: Double) throws -> MachineRecord {
      var machine = try #require(
        try JSONSerialization.jsonObject(with: JSONEncoder().encode(MachineRecord()))
          as? [String: Any])
      machine["rate"] = ["perCore": perCore, "together": perCore, "promisedPerCore": 200]
      return try JSONDecoder().decode(
        MachineRecord.self, from: JSONSerialization.data(withJSONObject: machine))
    }
    #expect(try record(perCore: 51).slowness == nil)
    let message = try #require(try record(perCore: 49).slowness)
    #expect(message.contains("49 Gflop/s") && message.contains("OPENBLAS_CORETYPE"), "\(message)")
  }

  /// Twenty steps of a hundred milliseconds, 20 of them waiting, on four workers: .32 s each.
  private static func said(processor: Double, step: Double = 0.1, rounds: Int = 1) -> [String] {
    var watch = BusyMachine()
    var times = Trainer.Times()
    times.step = step
    times.waited = step / 5
    times.processor = processor
    return (0..<20 * rounds).compactMap { _ in watch.add(times, threads: 4) }
  }

  @Test func aBusyMachineIsNoticedOnce() {
    #expect(Self.said(processor: 0.161) == [])
    let messages = Self.said(processor: 0.16 * 0.9, rounds: 5)
    #expect(messages.count == 1 && messages[0].contains("45 %"), "\(messages)")
    #expect(Self.said(processor: 0, step: 0.006) == [], "steps too short to judge")
  }
}
