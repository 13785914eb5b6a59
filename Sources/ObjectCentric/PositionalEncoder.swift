import Foundation
import NeuralLayers
import Tensors

/// The positions of a sequence, which has one token for its beginning and then those of a square
/// grid: [1, 1 + tokens, width].
struct PositionalEncoder: Module {
  let pe: Parameter
  private let isTrained: Bool

  init(_ configuration: SLATE.Configuration, using generator: inout Philox) {
    let (width, deviation) = (configuration.modelSize, configuration.positionDeviation)
    switch configuration.positionEncoding {
    case .learned:
      isTrained = true
      pe = Parameter(
        .truncatedNormal(
          [1, 1 + configuration.tokenCount, width], deviation: deviation, using: &generator))
    case .sinusoidal:
      isTrained = false
      pe = Parameter(.waves(overGridOf: configuration.gridSize, width: width) * deviation)
    }
  }

  /// The vectors that are added to a sequence of embedded tokens.
  var positions: Tensor { isTrained ? pe.tensor : pe.tensor.detached() }
}

extension Tensor {
  /// Sines and cosines along the columns of a grid, and then along its rows, with a mean square of
  /// 1; zeros for the beginning of the sequence.
  ///
  /// These waves extend those of Vaswani et al. 2017, section 3.5, from one dimension to two:
  /// wavelengths grow by equal factors from about four places to four sides of the grid. If `width`
  /// is not a multiple of 4, the channels that are left over are 0.
  ///
  /// - Returns: [1, 1 + side * side, width], float32.
  fileprivate static func waves(overGridOf side: Int, width: Int) -> Tensor {
    let count = width / 4
    let frequencies: [Double] = (0..<count).map {
      Double.pi / 2 * Foundation.pow(Double(side), Double($0) / Double(count))
    }
    /// The waves at each place along a side.
    let along: [[Float]] = (0..<side).map { place in
      let distance = (Double(place) + 0.5) / Double(side)
      var waves: [Float] = []
      for frequency in frequencies {
        waves.append(Float(2.0.squareRoot() * Foundation.sin(frequency * distance)))
        waves.append(Float(2.0.squareRoot() * Foundation.cos(frequency * distance)))
      }
      return waves
    }
    let rest = [Float](repeating: 0, count: width % 4)
    var values = [Float](repeating: 0, count: width)
    for row in along {
      for column in along {
        values.append(contentsOf: column)
        values.append(contentsOf: row)
        values.append(contentsOf: rest)
      }
    }
    return Tensor(values, shape: [1, 1 + side * side, width])
  }
}
