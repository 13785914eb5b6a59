import Foundation
import ImplicitLayers
import Tensors

/// J at z* as a matrix per sample, and what follows from it exactly.
struct DenseJacobian {
  /// The largest number n of a state's numbers per sample for which a dense J is reasonable:
  /// n pullbacks, n^2 numbers and n^3 operations per sample.
  static let largestState = 600

  /// J, [batch, n, n].
  let matrices: Tensor

  /// The Jacobian at the problem's z*; nil for a state that is too large.
  init?(of problem: ComparisonProblem) throws {
    let z = problem.solution
    let n = problem.stateSize
    guard n <= DenseJacobian.largestState, z.count * n <= 40_000_000 else { return nil }
    matrices = try withoutRecording { try jacobiansOfSamples(at: z) { try problem.map($0) } }
  }

  /// J^T w of every sample.
  func pullback(_ w: Tensor) -> Tensor {
    let n = matrices.shape[1]
    return matrices.matmul(w.reshaped([w.shape[0], n, 1]), transposingSelf: true)
      .reshaped(w.shape)
  }

  /// |J|_2 of every sample: the largest singular value.
  func spectralNorms() throws -> [Double] {
    try samples(of: matrices).map { try $0.singularValues().scalars.first ?? 0 }
  }

  /// The smallest singular value of I - J, divided by the largest, over all samples.
  func smallestSingularRatio() throws -> Double {
    let n = matrices.shape[1]
    let systems = Tensor.identity(n, dtype: matrices.dtype) - matrices
    return try samples(of: systems).map { system in
      let values = try system.singularValues().scalars
      guard let largest = values.first, let smallest = values.last, largest > 0 else { return 0 }
      return smallest / largest
    }.min() ?? 1
  }

  /// The spectral radius of (1 - relaxation) I + relaxation J of every sample.
  ///
  /// Gelfand's formula, rho(A) = lim |A^m|^(1/m), with m = 2^24 by repeated squaring: right for
  /// complex eigenvalues and matrices that are not normal alike, where a power iteration turns or
  /// takes long.
  func spectralRadii(relaxation: Double = 1) -> [Double] {
    let n = matrices.shape[1]
    let identity = Tensor.identity(n, dtype: matrices.dtype)
    var power = matrices * relaxation + identity * (1 - relaxation)
    var logarithms = [Double](repeating: 0, count: power.shape[0])
    var weight = 1.0
    for _ in 0..<24 {
      // rho(A) = |A| rho(A / |A|), and rho(A / |A|) is the root of that of its square.
      let norms = power.normsOfSamples
      for sample in norms.indices { logarithms[sample] += weight * log(norms[sample]) }
      power = power.scalingSamples(by: norms.map { $0 > 0 ? 1 / $0 : 0 })
      power = power.matmul(power)
      weight /= 2
    }
    return logarithms.map { exp($0) }
  }

  private func samples(of stack: Tensor) -> [Tensor] {
    let n = stack.shape[1]
    return (0..<stack.shape[0]).map { stack.slice($0..<$0 + 1).reshaped([n, n]) }
  }
}
