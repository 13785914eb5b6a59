import Foundation
import TestSupport

// The table of published problems: every solver's evaluations, or how it failed, and the sums.
//
//     swift run -c release PublishedTable [name of a solver ...]
//     swift run -c release PublishedTable --roots    # the root problems as JSON: Benchmarks/roots.py

let arguments = Array(CommandLine.arguments.dropFirst())
if arguments == ["--roots"] {
  print(String(decoding: try JSONEncoder().encode(try RootRecord.all()), as: UTF8.self))
} else {
  let columns = TestedSolver.all.filter { column in
    column.solvedProblems != nil && (arguments.isEmpty || arguments.contains(column.word))
  }
  try printTable(of: columns)
}
