import Tensors

/// What a generated picture shows; lengths are fractions of the picture's side.
struct Scene {
  /// The outlines an object can have.
  enum Outline: CaseIterable { case disc, square, triangle, hexagon, star }

  struct Object {
    let outline: Outline
    let center: SIMD2<Float>
    /// The outline's area is that of a disc of this radius.
    let radius: Float
    /// Radians.
    let angle: Float
    let color: SIMD3<Float>
  }

  /// A gradient from one colour to another with two faint waves over it.
  struct Background {
    let from: SIMD3<Float>
    let to: SIMD3<Float>
    /// Unit vector of the gradient.
    let direction: SIMD2<Float>
    /// Radians for a whole side, and where the wave begins.
    let waves: [(vector: SIMD2<Float>, phase: Float)]
  }

  let background: Background
  /// From the back to the front.
  let objects: [Object]
}

extension Scene {
  /// Colours that differ clearly from each other and from the pale backgrounds.
  static let colors: [SIMD3<Float>] = [
    SIMD3(0.90, 0.13, 0.15), SIMD3(0.10, 0.36, 0.92), SIMD3(0.12, 0.68, 0.22),
    SIMD3(1.00, 0.80, 0.05), SIMD3(0.58, 0.16, 0.80), SIMD3(0.05, 0.74, 0.78),
    SIMD3(1.00, 0.48, 0.03), SIMD3(0.96, 0.25, 0.62),
  ]

  /// A scene drawn at random.
  init(objects range: ClosedRange<Int>, using generator: inout Philox) {
    background = Background(using: &generator)
    let wanted = range.lowerBound + generator.choice(of: range.count)
    // Crowded scenes have smaller objects, so that they always find a place.
    let largest = wanted <= 4 ? 0.185 : 0.15
    var palette = Scene.colors
    var placed: [Object] = []
    while placed.count < wanted {
      let radius = Float(generator.uniform(in: 0.11...largest))
      let margin = Double(radius) * 1.05
      let center = SIMD2(
        Float(generator.uniform(in: margin...1 - margin)),
        Float(generator.uniform(in: margin...1 - margin)))
      // At this distance a disc hides at most a third of its neighbour.
      let isFree = placed.allSatisfy { other in
        let gap = other.center - center
        let least = 0.78 * (other.radius + radius)
        return (gap * gap).sum() >= least * least
      }
      guard isFree else { continue }
      let outline = Outline.allCases[generator.choice(of: Outline.allCases.count)]
      let color = palette.remove(at: generator.choice(of: palette.count))
      placed.append(
        Object(
          outline: outline, center: center, radius: radius,
          angle: Float(generator.uniform(in: 0...2 * .pi)),
          color: color * Float(generator.uniform(in: 0.88...1.0))))
    }
    // What is lower in the picture is nearer.
    objects = placed.sorted { $0.center.y < $1.center.y }
  }
}

extension Scene.Background {
  /// Pale colours, little different from each other.
  init(using generator: inout Philox) {
    func pale(_ generator: inout Philox) -> SIMD3<Float> {
      let level = Float(generator.uniform(in: 0.50...0.82))
      let tint = SIMD3<Float>(
        Float(generator.uniform(in: -0.07...0.07)), Float(generator.uniform(in: -0.05...0.05)),
        Float(generator.uniform(in: -0.07...0.07)))
      return tint + level
    }
    from = pale(&generator)
    to = pale(&generator)
    let angle = generator.uniform(in: 0...2 * .pi)
    direction = Scene.unitVector(angle)
    waves = (0..<2).map { _ in
      let heading = generator.uniform(in: 0...2 * .pi)
      let frequency = Float(generator.uniform(in: 5...14))
      let phase = Float(generator.uniform(in: 0...2 * .pi))
      return (Scene.unitVector(heading) * frequency, phase)
    }
  }
}

extension Philox {
  /// A number from 0 to below `count`.
  ///
  /// Unlike the standard library's, it cannot change with the library: a seed stands for the same
  /// scenes for good.
  fileprivate mutating func choice(of count: Int) -> Int {
    Int(((next() >> 32) * UInt64(count)) >> 32)
  }
}
