import Foundation
import Tensors

// Five programs of PyTorch, written again: Benchmarks/peers/translations has the originals, which start
// from the same numbers, use the same solvers and tolerances in both directions, and come to the same
// results. Docs/Results/Translations.md compares them.
//
//     swift run -c release Translations classifier

/// The programs by name, each as work that begins from the start whenever it is done.
let programs: [String: () throws -> Results] = [
  "classifier": trainClassifier, "attention": trainMemory, "mixture": tuneMixture,
  "graph": trainGraphNetwork, "bilevel": searchPenalties,
]

/// Does the work, and prints how long it took and what it found.
func report(_ work: () throws -> Results) throws {
  var results: Results = [:]
  let duration = try ContinuousClock().measure { results = try work() }
  let seconds =
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  let fields = results.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
  print("{\"seconds\": \(seconds), \"results\": {\(fields.joined(separator: ", "))}}")
  fflush(nil)
}

let arguments = CommandLine.arguments.dropFirst()
guard let name = arguments.first, let work = programs[name] else {
  print("usage: Translations \(programs.keys.sorted().joined(separator: " | ")) [--serve]")
  exit(2)
}
// Asked to serve, as the originals do: a round for each line of input, after one that warms up.
if arguments.contains("--serve") {
  _ = try work()
  while readLine() != nil { try report(work) }
} else {
  try report(work)
}
