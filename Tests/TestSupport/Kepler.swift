import Foundation
import ImplicitLayers
import Tensors

/// Kepler's equation E = M + e sin E for several orbits at once: samples that need very different
/// numbers of iterations.
///
/// M = E - e sin E, so that E is exact by construction; J = e cos E, dE/dM = 1 / (1 - J) and
/// dE/de = sin E / (1 - J).
public struct KeplerBatch: Sendable {
  /// e, one per sample.
  public let eccentricities: [Double]
  /// E, one per sample.
  public let anomalies: [Double]

  /// Orbits of which plain iteration to 1e-10 takes 9, 19, 34, 40 and 1119 evaluations.
  public static let five = KeplerBatch(
    eccentricities: [0.1, 0.5, 0.9, 0.99, 0.99], anomalies: [1, 1, 1, 1, 0.1])

  /// Orbits with these numbers.
  public init(eccentricities: [Double], anomalies: [Double]) {
    (self.eccentricities, self.anomalies) = (eccentricities, anomalies)
  }

  /// The orbits at the given positions.
  public func samples(_ positions: [Int]) -> KeplerBatch {
    KeplerBatch(
      eccentricities: positions.map { eccentricities[$0] },
      anomalies: positions.map { anomalies[$0] })
  }

  /// M, [batch, 1], float64.
  public var meanAnomalies: Tensor {
    column(zip(eccentricities, anomalies).map { $1 - $0 * sin($1) })
  }
  /// e, [batch, 1], float64.
  public var eccentricityColumn: Tensor { column(eccentricities) }
  /// E, [batch, 1], float64.
  public var solution: Tensor { column(anomalies) }
  /// dE/dM, [batch, 1], float64.
  public var derivativeByMeanAnomaly: Tensor {
    column(zip(eccentricities, anomalies).map { 1 / (1 - $0 * cos($1)) })
  }
  /// dE/de, [batch, 1], float64.
  public var derivativeByEccentricity: Tensor {
    column(zip(eccentricities, anomalies).map { sin($1) / (1 - $0 * cos($1)) })
  }

  /// z -> M + e sin z; restricted to the samples that are left, if `isRestrictable`.
  public func map(isRestrictable: Bool = true) -> FixedPointMap {
    let (m, e) = (meanAnomalies, eccentricityColumn)
    let image: (Tensor) throws -> Tensor = { z in m + e * z.sin() }
    guard isRestrictable else { return FixedPointMap(image) }
    return FixedPointMap(image) { positions in
      let (m, e) = (m.samples(positions), e.samples(positions))
      return { z in m + e * z.sin() }
    }
  }

  private func column(_ numbers: [Double]) -> Tensor {
    Tensor(numbers, shape: [numbers.count, 1], dtype: .float64)
  }
}

extension ClosedFormProblem {
  /// Kepler's five orbits, L = sum E, with gradients by M and e.
  public static let keplerBatch: ClosedFormProblem = {
    let orbits = KeplerBatch.five
    let (e, anomalies) = (orbits.eccentricityColumn, orbits.solution)
    return ClosedFormProblem(
      name: "five orbits", contraction: 0.9851,
      condition: orbits.derivativeByMeanAnomaly.scalars,
      map: { z, theta in theta[0] + theta[1] * z.sin() },
      parameters: [orbits.meanAnomalies, e], initial: orbits.meanAnomalies, solution: anomalies,
      loss: { $0.sum() },
      jacobian: (e * anomalies.cos()).reshaped([5, 1, 1]),
      adjoint: orbits.derivativeByMeanAnomaly,
      parameterGradients: { [$0, $0 * anomalies.sin()] })
  }()
}
