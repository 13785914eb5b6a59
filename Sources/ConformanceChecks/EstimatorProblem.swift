import ImplicitLayers
import Tensors

/// The problem z -> tanh(z W^T + x) on flattened samples, with W of spectral radius about .5 and
/// not normal.
struct EstimatorProblem {
  let cotangent: Tensor
  /// w -> J^T w at the fixed point.
  let pullback: (Tensor) throws -> Tensor
  private let shape: Shape
  private let weight: Tensor
  private let injection: Tensor

  init(shape: Shape, dtype: DType) throws {
    self.shape = shape
    let width = shape.elementCount / shape[0]
    // The entries have neither symmetry nor repetition.
    let wave = { (count: Int, seed: Double) in
      (0..<count).map { index -> Double in
        let phase = Double((index * index * 7 + index * 13) % 101) / 101 + seed
        return 2 * (phase - phase.rounded(.down)) - 1
      }
    }
    weight = Tensor(
      wave(width * width, 0.1).map { $0 * 1.2 / Double(width).squareRoot() },
      shape: [width, width], dtype: dtype)
    injection = Tensor(wave(shape.elementCount, 0.4), shape: shape, dtype: dtype)
    cotangent = Tensor(wave(shape.elementCount, 0.7), shape: shape, dtype: dtype)
    let image = EstimatorProblem.layer(weight, injection)
    let z = try Picard().solve(
      image, from: .zeros(shape, dtype: dtype), until: .evaluations(80)
    ).value
    pullback = valueWithPullback(at: z, of: image).pullback
  }

  /// The adjoint system for a cotangent.
  func adjoint(of v: Tensor) -> AdjointProblem {
    AdjointProblem(cotangent: v, pullback: pullback)
  }

  private static func layer(_ weight: Tensor, _ injection: Tensor) -> (Tensor) -> Tensor {
    { z in
      let flat: Shape = [z.shape[0], z.count / z.shape[0]]
      let product = z.reshaped(flat).matmul(weight, transposingOther: true)
      return (product.reshaped(z.shape) + injection).tanh()
    }
  }

  /// A solve and its backward pass.
  func pass(
    _ estimator: any AdjointEstimator, iterations: Int = 80, scale: Double = 1
  ) throws -> (gradient: Tensor, initialGradient: Tensor?, recorded: Int, pullbacks: Int) {
    let weight = self.weight.variable()
    let image = EstimatorProblem.layer(weight, injection)
    let initial = Tensor.zeros(shape, dtype: weight.dtype).variable()
    var recorded = 0
    let solution = try estimator.solution(
      of: FixedPointMap { z in
        if isRecording { recorded += 1 }
        return image(z)
      }, from: initial, using: .picard(), until: .evaluations(iterations))
    let table = try gradients(of: solution.value, cotangent: cotangent * scale)
    return (
      table[weight] ?? weight.zerosLike(), table[initial], recorded,
      table.backwardReport(of: solution)?.pullbacks ?? 0
    )
  }
}
