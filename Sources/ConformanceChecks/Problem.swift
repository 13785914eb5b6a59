import ImplicitLayers
import Tensors

/// A contraction on which every solver is tried.
struct Problem {
  let name: String
  let map: (Tensor) -> Tensor
  let initial: Tensor

  /// Contraction factors of samples that converge at different speeds.
  static let factors = [0.1, 0.7, -0.6, 0.3]

  /// W with rows of sum below 1 in magnitude, so that z -> tanh(z W + x) contracts.
  static let weight = Tensor(
    [0.3, -0.2, 0.1, 0.25, 0.1, -0.4, -0.15, 0.3, 0.2], shape: [3, 3], dtype: .float64)
  /// The offset x.
  static let offset = Tensor([0.5, -1, 0.25, 1.5, 0.75, -0.5], shape: [2, 3], dtype: .float64)

  static var all: [Problem] {
    let (weight, offset) = (weight, offset)
    return [
      Problem(
        name: "a linear contraction", map: { $0.matmul(weight) + offset },
        initial: offset.zerosLike()),
      Problem(
        name: "a tanh layer", map: { ($0.matmul(weight) + offset).tanh() },
        initial: offset.zerosLike()),
      Problem(
        name: "z = cos z", map: { $0.cos() },
        initial: Tensor([1, 0, -2], shape: [3, 1], dtype: .float64)),
      Problem(
        name: "a map whose initial state is its fixed point", map: { $0 * 0.5 },
        initial: .zeros([2, 2], dtype: .float64)),
    ]
  }
}
