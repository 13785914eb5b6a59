// A small network, trained by as many processes as mpirun starts, on the sum of their gradients.
//
//     swift build -c release --traits MPI --product DataParallelTraining
//     mpirun -n 2 .build/release/DataParallelTraining
//
// Started alone it prints the same losses, up to rounding.
import Collectives
import NeuralLayers
import Tensors
import Training

var weights = Philox(seed: 1)
let model = Perceptron(2, hidden: 16, 1, using: &weights)
var draws = Philox(seed: 2)
let x = Tensor.uniform([64, 2], using: &draws)
let y = x.square().sum(alongAxis: 1, keepingAxis: true)

// snippet.training
let ranks = try Communicator.ofLauncher()  // one rank, where nothing but you started the program
Workers.count = WorkersOfRank(ranks).count
var parallel = DataParallel(ranks)
var optimizer = Adam(rate: 1e-2)
parallel.begin(model)  // the parameters of rank 0 on all
for step in 0..<200 {
  let part = ranks.share(of: 64)
  let sums = try parallel.sum(of: model, numbers: 1) {
    let error = (model(x.slice(part)) - y.slice(part)).square().sum()
    let loss = error / 64  // this part's share of the mean over the batch
    return (try gradients(of: loss), [loss.scalar])
  }
  optimizer.step(model, gradients: sums.gradients)
  try parallel.check(model)  // every hundredth step: are the parameters the same on all?
  if step % 50 == 49, ranks.rank == 0 { print("step \(step + 1)  loss \(sums.numbers[0])") }
}
ranks.end()
// snippet.end
