import Collectives
import Foundation
import NeuralLayers
import Tensors
import Training

// What the ranks of a launcher compute together, compared with what each can compute alone. Prints
// "ok SIZE" on rank 0; a difference is told on standard error and ends all ranks with status 1.
//
// With the word "differ", the last rank changes a parameter; with "fail", it fails in its part of a step;
// with "leave", it ends without a word; with "freeze", it waits for ever.
// With "time N", sums of N numbers are timed.

let word = CommandLine.arguments.dropFirst().first ?? ""
let ranks = try Communicator.ofLauncher(patience: word == "freeze" ? 3 : 60)
let last = ranks.size - 1

func demand(_ isTrue: Bool, _ what: String) {
  guard !isTrue else { return }
  FileHandle.standardError.write(Data("rank \(ranks.rank) of \(ranks.size): \(what)\n".utf8))
  ranks.abort(status: 1)
}

func checkCollectives() {
  let (rank, size) = (Double(ranks.rank), Double(ranks.size))
  let total = size * (size - 1) / 2
  demand(ranks.sum(rank) == total, "a sum is wrong")
  demand(ranks.maximum(-rank) == 0, "a maximum is wrong")
  var many = (0..<100_003).map { Float($0 % 7) * Float(rank + 1) }
  ranks.sum(&many)
  let factor = Float(total + size)
  demand(
    many.indices.allSatisfy { many[$0] == Float($0 % 7) * factor }, "a sum of many floats is wrong")
  demand(
    ranks.broadcast(bytes: [UInt8](repeating: UInt8(ranks.rank), count: ranks.rank + 1), from: last)
      == [UInt8](repeating: UInt8(last), count: last + 1), "a broadcast is wrong")
  demand(
    ranks.gather([Double](repeating: rank, count: ranks.rank))
      == (0..<ranks.size).map { [Double](repeating: Double($0), count: $0) }, "gathering is wrong")
  demand(
    ranks.shift([rank, 1], by: 1) == (ranks.rank == 0 ? nil : [rank - 1, 1]), "shifting is wrong")
  demand(
    ranks.shift([rank], by: -1) == (ranks.rank == last ? nil : [rank + 1]),
    "shifting back is wrong")
  ranks.barrier()
}

func train(_ ranks: Communicator) throws -> [Double] {
  let model = ProbedModel(seed: 5)
  var draws = Philox(seed: 6)
  let batch = Tensor.uniform([12, 3], dtype: .float64, using: &draws)
  var (parallel, optimizer) = (DataParallel(ranks, checkEvery: 1), SGD(rate: 0.1))
  parallel.begin(model)
  for step in 0..<5 {
    let sums = try parallel.sum(of: model, numbers: 1) {
      let isLast = ranks.size > 1 && ranks.rank == ranks.size - 1 && step == 2
      if isLast, word == "fail" { throw Failure() }
      let loss = try model.equilibriumLoss(batch.slice(ranks.share(of: 12)), whole: 12)
      return (try gradients(of: loss), [loss.scalar])
    }
    optimizer.step(model, gradients: sums.gradients)
    if word == "differ", step == 2, ranks.size > 1, ranks.rank == ranks.size - 1 {
      model.second.weight.assign(model.second.weight.tensor.detached() * (1 + 1e-15))
    }
    try parallel.check(model)
  }
  return model.namedParameters.flatMap(\.parameter.tensor.scalars)
}

struct Failure: Error, CustomStringConvertible { let description = "the last rank was to fail" }

if word == "time" {
  let count = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 1_000_000
  var values = [Float](repeating: 1, count: count)
  ranks.sum(&values)
  var seconds: [Double] = []
  for _ in 0..<20 {
    values = [Float](repeating: 1, count: count)
    ranks.barrier()
    let start = ContinuousClock.now
    ranks.sum(&values)
    seconds.append(start.duration(to: .now) / .seconds(1))
  }
  if ranks.rank == 0 { print(seconds.sorted()[10]) }
  ranks.end()
  exit(0)
}
if word == "leave", ranks.rank == last { kill(getpid(), SIGKILL) }
if word == "freeze", ranks.rank == last { sleep(600) }
do {
  checkCollectives()
  let found = try train(ranks)
  let alone = try train(.alone)
  let difference = zip(found, alone).map { abs($0 - $1) }.max() ?? .nan
  demand(difference < 1e-10, "the parameters differ from one process's by \(difference)")
} catch {
  if ranks.rank == 0 { FileHandle.standardError.write(Data("\(error)\n".utf8)) }
  ranks.end()
  exit(1)
}
if ranks.rank == 0 { print("ok \(ranks.size)") }
ranks.end()
