// What samples in documentation comments take for given: .ci/docs compiles each of them as the body of a
// function beside these declarations. A section "for: FILE" is for the samples of that file alone.

let batch = 4, slots = 3, width = 8, step = 1
let (x, y, z, z0, v, w, b, s, a) = (zero, zero, zero, zero, zero, zero, zero, zero, zero)
let (start, q, k, g, previous, normal, column, matrices, images, generated, logits, attention, noise) =
  (zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero)
let zero = Tensor.zeros([1, 1])
let classes = IntTensor([0], shape: [1])
let digits = classes
let url = URL(filePath: "a")
let (folder, run, weights) = (url, url, url)
let rule = StoppingRule.evaluations(1)
let map: @Sendable (Tensor) throws -> Tensor = { $0 }
let pullback = map
let solver: any ForwardSolver = .picard()
let context = LayerContext.evaluation
nonisolated(unsafe) var random = Philox(seed: 1)
nonisolated(unsafe) var generator = random
nonisolated(unsafe) var optimizer = Adam(rate: 1)
nonisolated(unsafe) var model = Parts(using: &random)
nonisolated(unsafe) var layer = Cell(recurrence: Linear(8, 8, using: &random))
var cell: Cell { layer }

struct Parts: Module {
  let encoder: Linear, hidden: Linear, head: Linear
  init(using random: inout Philox) {
    (encoder, hidden, head) = (Linear(1, 1, using: &random), Linear(1, 1, using: &random), Linear(1, 1, using: &random))
  }
  func callAsFunction(_ x: Tensor, in context: LayerContext = .evaluation) throws -> Tensor { head(x) }
}

struct Cell: Module, FixedPointLayer {
  let recurrence: Linear
  var estimator: any BackwardEstimator = .exact
  let stoppingRule = StoppingRule.evaluations(3)
  func initialState(for x: Tensor) -> Tensor { x }
  func step(_ z: Tensor, given x: Tensor) -> Tensor { recurrence(z) + x }
}

func energy(_ x: Tensor) throws -> Tensor { x.sum() }
func loss(_ x: Tensor) -> Tensor { x.sum() }
func head(_ x: Tensor) -> Tensor { x }

// for: Tensors/Gradients.swift
let (loss, weight) = (zero.sum(), zero)

// for: Tensors/Operators/Gathering.swift
let table = zero

// for: Tensors/Operators/Subscripts.swift
var x = zero

// for: Tensors/Profile.swift
func trainingStep() throws {}

// for: Tensors/Workers.swift
func loss(_ images: Tensor, _ generator: Philox) throws -> Tensor { images.sum() }
func losses(_ images: Tensor, _ generator: Philox) -> Tensor { images }
func range(_ part: Int) -> Range<Int> { 0..<1 }
func first(_ part: Int) -> Int { part }

// for: Solvers/Methods/Automatic.swift
let map = FixedPointMap { $0 }

// for: Tensors/Recording.swift
let map = FixedPointMap { $0 }

// for: ImplicitLayers/Diagnostics/ErrorBound.swift
let sample = (residual: 0.5, 1)

// for: ImplicitLayers/Diagnostics/JacobianPenalty.swift
let (step, loss) = (map, zero.sum())
let solution = try layer.solve(x)

// for: ImplicitLayers/Equations/ConstrainedMinimum.swift
func cost(_ x: Tensor, _ a: Tensor) -> Tensor { x }
func budget(_ x: Tensor, _ b: Tensor) -> Tensor { x }
func utility(_ x: Tensor) -> Tensor { x }

// for: ImplicitLayers/Equations/ConvexSet.swift
func risk(_ p: Tensor) -> Tensor { p }

// for: ImplicitLayers/Equations/Equation.swift
func energy(_ x: Tensor, _ a: Tensor) -> Tensor { x }
func myOwnSolver(_ a: Tensor) -> Tensor { a }

// for: ImplicitLayers/Equations/Minimum.swift
let (penalty, returns) = (zero, zero)
func ridge(_ w: Tensor, _ penalty: Tensor) -> Tensor { w }
func risk(_ p: Tensor, _ returns: Tensor) -> Tensor { p }
func validationLoss(_ w: Tensor) -> Tensor { w }

// for: Tensors/Derivatives/JacobianStructure.swift
let g: (Tensor) throws -> Tensor = { $0 }

// for: Solvers/Methods/Newton.swift
let g: (Tensor) throws -> Tensor = { $0 }

// for: ConformanceChecks/CheckGradient.swift
struct TanhCell: FixedPointLayer {
  let w: Tensor
  var estimator: any BackwardEstimator { .exact }
  var stoppingRule: StoppingRule { .evaluations(3) }
  func initialState(for x: Tensor) -> Tensor { x }
  func step(_ z: Tensor, given x: Tensor) -> Tensor { z + x }
}

// for: ConformanceChecks/EstimatorChecks.swift
struct MinimalResidual: AdjointEstimator {
  let steps: Int
  func estimate(_ problem: AdjointProblem) -> AdjointEstimate { .init(value: problem.cotangent) }
}

// for: ConformanceChecks/GradientCheck.swift
let check = try checkGradient(of: layer, input: x)

// for: ConformanceChecks/SolverChecks.swift
struct HeavyBall: ForwardSolver {
  let momentum: Double
  func next(after point: Iterate, _ history: inout NoHistory) -> Tensor { point.image }
}

// for: NeuralLayers/DropoutMask.swift
typealias Input = Tensor
struct Injection { let x: Tensor, mask: DropoutMask }
func embed(_ x: Tensor) -> Tensor { x }
let (dropout, recurrence) = (Dropout(0.1), Linear(8, 8, using: &random))

// for: DataLoading/DataLoader.swift
let training = LabeledTensors(inputs: images, labels: digits)

// for: DataLoading/LoaderPlace.swift
let loader = DataLoader(LabeledTensors(inputs: images, labels: digits), batchSize: 1, seed: 0)
let batches = loader.batches(from: LoaderPlace())

// for: DataLoading/FileDataset.swift
struct Recording {
  init(contentsOf url: URL) throws {}
  let samples = [1.0]
}

// for: Training/Checkpoints/CheckpointOptimizer.swift
let rate: Schedule = 1e-3
let checkpoint = try Checkpoint(contentsOf: url)

// for: Training/Checkpoints/CheckpointRestoring.swift
let checkpoint = try Checkpoint(contentsOf: url)

// for: Training/Optimizers/Adam.swift
let loss = zero.sum()

// for: Training/Optimizers/ExponentialMovingAverage.swift
func loss(_ model: Parts) throws -> Tensor { zero.sum() }
func accuracy(_ model: Parts) throws -> Double { 1 }

// for: Images/Orientation.swift
let image = Image(width: 1, height: 1, color: [0, 0, 0])

// for: ObjectCentric/Datasets/BatchLoader.swift
let data = GeneratedScenes(imageSize: 64, seed: 0)
func train(on images: Tensor) {}

// for: ObjectCentric/Metrics/FrechetDistance.swift
let inception = try Inception { _ in zero }

// for: ObjectCentric/Metrics/SegmentationScores.swift
let mask = SegmentationMask(width: 1, height: 1, ids: [0])

// for: ObjectCentric/SlotAttention.swift
let slotAttention = SlotAttention(featureSize: 1, slotSize: 1, mlpHiddenSize: 1, using: &random)

// for: Collectives/Communicator.swift
let localLoss = 1.0

// for: Collectives/DataParallel.swift
let batch = zero
func loss(_ model: Parts, _ part: Tensor) throws -> Tensor { zero.sum() }

// for: Collectives/ShardedStates.swift
let (ranks, part, rows) = (Communicator.alone, zero, 1)

// for: Collectives/RankFailure.swift
let (ranks, count) = (Communicator.alone, 1)
func readImages(_ range: Range<Int>) throws -> [Tensor] { [] }
