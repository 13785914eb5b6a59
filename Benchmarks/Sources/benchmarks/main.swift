import Foundation
import Tensors

// benchmarks CASE [--exchange FILE] [--workers N] [--rounds N] [--folder DIR]
//            [--serve] [--chunk N]
//
// With --exchange: writes what peers need to FILE, prints a JSON line, then the seconds of one round
// for every line "round" on standard input, or what "profile" and "memory" ask for; with --serve the
// same without the file; --chunk is for SLATE: the images that a worker differentiates at once. Otherwise runs rounds and prints their median, and the profile of one.

let arguments = Array(CommandLine.arguments.dropFirst())
let option = { (name: String) -> String? in
  guard let position = arguments.firstIndex(of: name) else { return nil }
  return arguments.dropFirst(position + 1).first
}

let chunk = option("--chunk").flatMap(Int.init)
let folder = URL(filePath: option("--folder") ?? ".")
let cases: [String: () throws -> Case] = [
  "tanh-256": { try tanhEquilibrium(width: 256, batch: 64, by: .anderson(depth: 5)) },
  "tanh-16": { try tanhEquilibrium(width: 16, batch: 1, by: .anderson(depth: 5)) },
  "tanh-256-picard": { try tanhEquilibrium(width: 256, batch: 64, by: .picard()) },
  "tanh-16-picard": { try tanhEquilibrium(width: 16, batch: 1, by: .picard()) },
  "tanh-256-gradient": { try tanhCurvature(width: 256, batch: 64, order: 1) },
  "tanh-256-hessian": { try tanhCurvature(width: 256, batch: 64, order: 2) },
  "kepler-10000": { try kepler(batch: 10_000) },
  "exact-512": { try exactAdjoint(width: 512, batch: 8) },
  "decoding": { try decoding(folder: folder, size: 64) },
  "slate-8": { try slateStep(batch: 8, chunk: chunk) },
  "slate-32": { try slateStep(batch: 32, chunk: chunk) },
  "slate-paper": { try slateStep(batch: 50, chunk: chunk, size: .paper) },
  "reconstruction": { try slateReconstruction(batch: 8) },
  "reconstruction-64": { try slateReconstruction(batch: 64) },
  "slots-64": {
    try slotAttention(slots: 7, width: 64, hidden: 128, iterations: 3, implicit: false)
  },
  "slots-192": {
    try slotAttention(slots: 6, width: 192, hidden: 768, iterations: 3, implicit: false)
  },
  "slots-64-unrolled7": {
    try slotAttention(slots: 7, width: 64, hidden: 128, iterations: 7, implicit: false)
  },
  "slots-64-implicit7": {
    try slotAttention(slots: 7, width: 64, hidden: 128, iterations: 7, implicit: true)
  },
  "slots-192-unrolled7": {
    try slotAttention(slots: 6, width: 192, hidden: 768, iterations: 7, implicit: false)
  },
  "slots-192-implicit7": {
    try slotAttention(slots: 6, width: 192, hidden: 768, iterations: 7, implicit: true)
  },
]

let exchangeFile = option("--exchange")
if let workers = option("--workers").flatMap(Int.init) { Workers.count = workers }
let rounds = option("--rounds").flatMap(Int.init) ?? 7

if arguments.first == "sgemm" {
  print(#"{"gflops": \#(sgemmRate()), "workers": \#(Workers.count)}"#)
  exit(0)
}
if arguments.first == "machine" {
  struct Record: Encodable {
    let facts = Machine.current
    let rate = ProductRate()
  }
  print(String(decoding: try JSONEncoder().encode(Record()), as: UTF8.self))
  exit(0)
}
if arguments.first == "complexity" {
  Workers.count = 1
  print(try complexity())
  exit(0)
}
if arguments.first == "scaling" {
  Workers.count = 1
  print(try solverScaling())
  exit(0)
}
guard let name = arguments.first, let makeCase = cases[name] else {
  print(
    "usage: benchmarks CASE, one of: machine, sgemm, complexity, scaling, \(cases.keys.sorted().joined(separator: ", "))"
  )
  exit(2)
}

let chosen = try makeCase()
if let exchangeFile {
  try chosen.exchange().write(to: URL(filePath: exchangeFile))
  try chosen.round()
  try serve(chosen)
} else if arguments.contains("--serve") {
  try chosen.round()
  try serve(chosen)
} else {
  try chosen.round()
  var times: [Double] = []
  let processorTime = clock()
  for _ in 0..<rounds { times.append(try seconds(chosen.round)) }
  let used = Double(clock() - processorTime) / Double(CLOCKS_PER_SEC) / Double(rounds)
  times.sort()
  print(
    "\(name): median \(times[rounds / 2] * 1000) ms, best \(times[0] * 1000) ms, processor time "
      + "\(used * 1000) ms a round")
  print(try Profile.measuring(chosen.round).profile)
}
