import Collectives
import Foundation
import ImplicitLayers
import Tensors

// Heat in a plate that conducts it the better the hotter it is, the plate being shared by the ranks in
// strips of rows: the steady state, and how a loss depends on the source at every point and on the
// conductivity.
//
//   ShardedDiffusion [SIZE] [REACTION] [TOLERANCE]     SIZE x SIZE unknowns, by default 32, 0 and 1e-13
//   ShardedDiffusion threads N ...                     with threads as ranks
//   ShardedDiffusion check ...                         compares with what each rank finds alone
//   ShardedDiffusion memory ...                        says how much memory a rank takes at most
//
// It is the same program under mpirun -n N, where it is built with --traits MPI.

let words = Array(CommandLine.arguments.dropFirst())
let given = words.compactMap { Double($0) }
let threads = words.first == "threads" ? Int(given.first ?? 2) : 1
let settings = Array(given.dropFirst(words.first == "threads" ? 1 : 0))

@Sendable func run(_ ranks: Communicator) throws {
  let (a, tolerance) = (0.5, settings.count > 2 ? settings[2] : 1e-13)
  let problem = Diffusion(
    ranks: ranks, size: settings.isEmpty ? 32 : Int(settings[0]),
    reaction: settings.count > 1 ? settings[1] : 0)
  let found = try problem.loss(
    source: problem.exactSource(a), conductivity: a, tolerance: tolerance)
  let error = ranks.maximum((found.solution - problem.exactSolution).largestMagnitude)
  let slope = ranks.withShardedStates { found.bySource.normsOfSamples[0] }
  let most = ranks.maximum(Double(TensorMemory.peakBytes))
  if ranks.rank == 0 {
    let size = "\(problem.size) x \(problem.size) unknowns"
    print("\(size), largest error \(String(format: "%.3g", error))")
    let numbers = [found.loss, found.byConductivity, slope]
    print(String(format: "loss %.8f, dL/da %.8f, |dL/ds| %.6g", numbers[0], numbers[1], numbers[2]))
  }
  if words.first == "check" {
    let alone = Diffusion(ranks: .alone, size: problem.size, reaction: problem.reaction)
    let whole = try alone.loss(
      source: alone.exactSource(a), conductivity: a, tolerance: tolerance)
    let gaps = zip([found.solution, found.bySource], [whole.solution, whole.bySource]).map {
      ($0 - $1.slice(problem.rows, alongAxis: 1)).largestMagnitude / $1.largestMagnitude
    }
    let gap = abs(found.byConductivity / whole.byConductivity - 1)
    let isSame = gaps[0] < 1e-10 && gaps[1] < 1e-8 && gap < 1e-8
    if ranks.any(!isSame) {
      print("rank \(ranks.rank): u differs by \(gaps[0]), dL/ds by \(gaps[1]), dL/da by \(gap)")
      ranks.abort(status: 1)
    }
    if ranks.rank == 0 { print("\(ranks.size) ranks find what one finds") }
  }
  if words.first == "memory", ranks.rank == 0 {
    print(String(format: "at most %.2f MB of tensors on a rank", most / 1e6))
  }
}

if threads > 1 {
  _ = try Communicator.threads(threads) { try run($0) }
} else {
  let ranks = try Communicator.ofLauncher()
  Workers.count = WorkersOfRank(ranks).count
  try run(ranks)
  ranks.end()
}
