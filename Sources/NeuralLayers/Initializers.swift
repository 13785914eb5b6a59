import Foundation
import Tensors

// Initial values of weights [out, in, ...], all float32.

extension Tensor {
  /// Uniform in (-a, a), a = gain sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010).
  public static func xavierUniform(
    _ shape: Shape, gain: Double = 1, using generator: inout Philox
  ) -> Tensor {
    let (fanIn, fanOut) = fans(shape)
    return symmetricUniform(shape, gain * (6 / Double(fanIn + fanOut)).squareRoot(), &generator)
  }

  /// Uniform in (-a, a) with a = sqrt(6 / fan in), for layers before a rectifier.
  ///
  /// Source: He, Zhang, Ren and Sun 2015.
  public static func kaimingUniform(_ shape: Shape, using generator: inout Philox) -> Tensor {
    symmetricUniform(shape, (6 / Double(fans(shape).in)).squareRoot(), &generator)
  }

  /// Normal with the given standard deviation, cut off at two deviations.
  public static func truncatedNormal(
    _ shape: Shape, deviation: Double = 1, using generator: inout Philox
  ) -> Tensor {
    let numbers = (0..<shape.elementCount).map { _ -> Double in
      while true {
        let radius = (-2 * Foundation.log(generator.uniform(in: .leastNonzeroMagnitude...1)))
          .squareRoot()
        let number = radius * Foundation.cos(2 * .pi * generator.uniform(in: 0...1))
        if Swift.abs(number) <= 2 { return number * deviation }
      }
    }
    return Tensor(numbers, shape: shape)
  }

  /// A matrix with orthonormal columns (or rows, if it is wide), evenly distributed.
  ///
  /// It is made by Gram-Schmidt, applied twice, from normal vectors (Saxe, McClelland and Ganguli
  /// 2014).
  public static func orthogonal(
    _ rows: Int, _ columns: Int, using generator: inout Philox
  ) -> Tensor {
    let (count, length) = (Swift.min(rows, columns), Swift.max(rows, columns))
    let random = Tensor.normal([count, length], dtype: .float64, using: &generator).scalars
    var basis: [[Double]] = []
    for index in 0..<count {
      var vector = Array(random[index * length..<(index + 1) * length])
      for _ in 0..<2 {
        for other in basis {
          let overlap = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
          for position in vector.indices { vector[position] -= overlap * other[position] }
        }
      }
      let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      basis.append(vector.map { $0 / norm })
    }
    let matrix = Tensor(basis.flatMap { $0 }, shape: [count, length])
    return rows >= columns ? matrix.transposed() : matrix
  }

  private static func symmetricUniform(
    _ shape: Shape, _ bound: Double, _ generator: inout Philox
  ) -> Tensor {
    Tensor.uniform(shape, using: &generator).affine(scale: 2 * bound, offset: -bound)
  }

  private static func fans(_ shape: Shape) -> (in: Int, out: Int) {
    let receptive = shape.suffix(from: 2).elementCount
    return (shape[1] * receptive, shape[0] * receptive)
  }
}
