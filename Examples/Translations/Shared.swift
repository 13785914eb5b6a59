import Tensors

/// What a program found, by name.
typealias Results = [String: Double]

/// Numbers in [-1, 1) by a linear congruential generator, the same to the last bit in Python.
func numbers(_ seed: Int, _ shape: Shape) -> Tensor {
  var state = seed
  let values = (0..<shape.elementCount).map { _ -> Double in
    state = (1_664_525 * state + 1_013_904_223) % 4_294_967_296
    return Double(state) / 2_147_483_648 - 1
  }
  return Tensor(values, shape: shape, dtype: .float64)
}

/// The Euclidean norm of all elements.
func norm(_ x: Tensor) -> Double { x.square().sum().scalar.squareRoot() }
