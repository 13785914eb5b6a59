import ArgumentParser
import ImplicitLayers

/// How training differentiates slot attention, as it is written on the command line.
enum GradientChoice: Equatable, Sendable {
  /// The first-order approximation of the implicit gradient: the paper's one extra line.
  case implicit
  /// Backpropagation through every iteration.
  case unrolled
  /// The Neumann series with a number of terms.
  case neumann(Int)
  /// The exact adjoint by LAPACK.
  case exact

  var estimator: any BackwardEstimator {
    switch self {
    case .implicit: .oneStep
    case .unrolled: .unrolled
    case .neumann(let terms): .neumann(terms: terms)
    case .exact: .exact
    }
  }

  static let forms = "implicit, unrolled, neumann:T or exact"
}

extension GradientChoice: LosslessStringConvertible, ExpressibleByArgument, Codable {
  init?(_ description: String) {
    switch description {
    case "implicit": self = .implicit
    case "unrolled": self = .unrolled
    case "exact": self = .exact
    default:
      let parts = description.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0] == "neumann", let terms = Int(parts[1]), terms >= 1
      else { return nil }
      self = .neumann(terms)
    }
  }

  init?(argument: String) { self.init(argument) }

  var description: String {
    switch self {
    case .implicit: "implicit"
    case .unrolled: "unrolled"
    case .neumann(let terms): "neumann:\(terms)"
    case .exact: "exact"
    }
  }

  init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let choice = GradientChoice(text) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "'\(text)' is no gradient; it is \(GradientChoice.forms)"))
    }
    self = choice
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
