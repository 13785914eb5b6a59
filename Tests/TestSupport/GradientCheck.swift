import Tensors

/// Deterministic test numbers in (-1, 1) without symmetry or repetition.
public func testTensor(
  _ shape: Shape, seed: Int = 1, scale: Double = 1, offset: Double = 0, dtype: DType = .float64
) -> Tensor {
  let numbers = (0..<shape.elementCount).map { index -> Double in
    let angle = Double(index + 1) * 12.9898 + Double(seed) * 78.233
    let wave = (angle.truncatingRemainder(dividingBy: 6.28318)) * 43758.5453
    return (wave - wave.rounded(.down)) * 2 * scale - scale + offset
  }
  return Tensor(numbers, shape: shape, dtype: dtype)
}

/// How the gradients of `function` differ from central differences, in words; nil if they agree.
///
/// The output is contracted with a fixed cotangent, and every element of every input is varied.
///
/// - Parameters:
///   - inputs: float64 tensors; each is made a variable.
///   - step: the difference's half width; default 1e-5, error O(step^2).
///   - tolerance: relative to the largest entry of the numerical gradient; default 1e-7.
///   - function: from the variables to a tensor of any shape.
/// - Returns: the position and both values of the worst entry, or nil.
/// - Throws: what `function` throws.
public func gradientDifference(
  _ inputs: [Tensor], step: Double = 1e-5, tolerance: Double = 1e-7,
  of function: ([Tensor]) throws -> Tensor
) throws -> String? {
  let variables = inputs.map { $0.variable() }
  let output = try function(variables)
  let cotangent = testTensor(output.shape, seed: 77)
  let table = try gradients(of: output, cotangent: cotangent)

  for (position, input) in inputs.enumerated() {
    let base = input.scalars
    var numerical = base
    for index in base.indices {
      var sides: [Double] = []
      for sign in [1.0, -1.0] {
        var moved = base
        moved[index] += sign * step
        var arguments = inputs
        arguments[position] = Tensor(moved, shape: input.shape, dtype: .float64)
        let value = try withoutRecording { try function(arguments) }
        sides.append((value * cotangent).sum().scalar)
      }
      numerical[index] = (sides[0] - sides[1]) / (2 * step)
    }
    guard let gradient = table[variables[position]] else {
      return "input \(position) of shape \(input.shape) got no gradient"
    }
    guard gradient.shape == input.shape else {
      return "input \(position) has shape \(input.shape) but its gradient \(gradient.shape)"
    }
    if let difference = difference(
      gradient.scalars, numerical, relative: tolerance, absolute: tolerance)
    {
      return "gradient of input \(position) of shape \(input.shape): \(difference)"
    }
  }
  return nil
}
