import Foundation
import Tensors

extension PublishedProblem {
  /// Equations in one unknown.
  static let scalarFixedPoints: [PublishedProblem] = [
    .fixedPoint(
      "cosine", "Dottie's number; Kaplan 2007, Mathematics Magazine 80, 73-74", from: [0],
      solutions: [[0.7390851332151607]]
    ) { $0.cos() },
    kepler(eccentricity: 0.9, anomaly: 1),
    kepler(eccentricity: 0.99, anomaly: 0.1),
    .fixedPoint(
      "e^-z", "Corless et al. 1996, Adv. Comput. Math. 5, 329-359: Lambert's W(1)", from: [0.5],
      solutions: [[0.5671432904097838]]
    ) { (-$0).exp() },
    .fixedPoint(
      "3 e^-z", "Corless et al. 1996: Lambert's W(3), an unstable fixed point", from: [1.5],
      solutions: [[1.0499088949640398]]
    ) { (-$0).exp() * 3 },
    logistic(2.9),
    logistic(3.7),
    .fixedPoint(
      "square root of a cubic",
      "Burden and Faires, Numerical Analysis, section 2.2: "
        + "x^3 + 4 x^2 = 10", from: [1.5], solutions: [[1.3652300134140969]]
    ) { (10 - $0.square() * $0).sqrt() / 2 },
    .fixedPoint(
      "damped logarithm", "z = z - .4 (e^z - 2), the simplified Newton method of Kantorovich 1948",
      from: [-2], solutions: [[log(2)]]
    ) { $0 - ($0.exp() - 2) * 0.4 },
    .fixedPoint(
      "Colebrook's friction factor",
      "Colebrook 1939, J. Inst. Civ. Eng. 11, 133-156; "
        + "roughness 1e-4, Reynolds number 1e5", from: [1]
    ) { (($0 * 2.51e-5) + 1e-4 / 3.7).log() * (-2 / log(10)) },
    .fixedPoint(
      "magnet just below its Curie point", "Weiss 1907: m = tanh(1.05 m)", from: [1]
    ) { ($0 * 1.05).tanh() },
    .fixedPoint(
      "final size of an epidemic", "Kermack and McKendrick 1927: 1 - e^(-1.05 z)", from: [0.5]
    ) { 1 - ($0 * -1.05).exp() },
  ]

  /// E = M + e sin E.
  private static func kepler(eccentricity e: Double, anomaly: Double) -> PublishedProblem {
    let mean = anomaly - e * sin(anomaly)
    return .fixedPoint(
      "Kepler, e = \(e)", "Kepler 1609, Astronomia nova; from E = M", from: [mean],
      solutions: [[anomaly]]
    ) { $0.sin() * e + mean }
  }

  /// r z (1 - z).
  private static func logistic(_ r: Double) -> PublishedProblem {
    .fixedPoint(
      "logistic map, r = \(r)", "May 1976, Nature 261, 459-467", from: [0.3],
      solutions: [[1 - 1 / r], [0]]
    ) { $0 * (1 - $0) * r }
  }
}
