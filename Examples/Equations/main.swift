import Foundation

/// What this program shows when it is asked by name: a page of Docs each.
let demonstrations: [String: @Sendable () throws -> Void] = [
  "tutorial": beyondFixedPoints, "roots": findRoots, "minima": minimise, "own-solver": ownSolver,
]
let name = CommandLine.arguments.dropFirst().first ?? "tutorial"
guard let demonstration = demonstrations[name] else {
  print("'\(name)' is none of \(demonstrations.keys.sorted().joined(separator: ", "))")
  exit(1)
}
try demonstration()

/// Numbers with four digits.
func numbers(_ scalars: [Double]) -> String {
  scalars.map { String(format: "%.4f", $0) }.joined(separator: " ")
}
