import Tensors

/// The content of a generated picture.
///
/// Lengths are fractions of the picture's side.
struct Scene {
  /// The outlines an object can have.
  enum Outline: CaseIterable { case disc, square, triangle, hexagon, star }

  struct Object {
    let outline: Outline
    let center: SIMD2<Float>
    /// The radius of a disc that has the same area as the outline.
    let radius: Float
    /// The rotation in radians.
    let angle: Float
    let color: SIMD3<Float>
  }

  /// What lies behind the objects.
  enum Background {
    case plain(SIMD3<Float>)
    case gradient(Gradient)
    case room(Room)
  }

  /// A gradient from one colour to another with two faint waves over it.
  struct Gradient {
    let from: SIMD3<Float>
    let to: SIMD3<Float>
    /// The direction of the gradient, a unit vector.
    let direction: SIMD2<Float>
    /// For each wave its vector, in radians for a whole side, and its phase.
    let waves: [(vector: SIMD2<Float>, phase: Float)]
  }

  /// A floor that meets a wall, on which a mirror may stand.
  struct Room {
    /// The height at which the floor ends, measured from the top.
    let horizon: Float
    let floor: SIMD3<Float>
    let wall: SIMD3<Float>
    /// The mirror's left and right edge, if there is one; it reaches from the floor to `top`.
    let mirror: ClosedRange<Float>?
    let top: Float
  }

  let background: Background
  /// Whether objects are lit and cast a soft shadow, or show one flat colour.
  let isShaded: Bool
  /// What a mirror shows, from the back to the front; it belongs to the background.
  var reflections: [Object] = []
  /// From the back to the front.
  let objects: [Object]
}

extension Scene {
  /// Colours that differ clearly from each other and from the backgrounds.
  static let colors: [SIMD3<Float>] = [
    SIMD3(0.90, 0.13, 0.15), SIMD3(0.10, 0.36, 0.92), SIMD3(0.12, 0.68, 0.22),
    SIMD3(1.00, 0.80, 0.05), SIMD3(0.58, 0.16, 0.80), SIMD3(0.05, 0.74, 0.78),
    SIMD3(1.00, 0.48, 0.03), SIMD3(0.96, 0.25, 0.62),
  ]
}

extension Philox {
  /// A number from 0 to below `count`.
  ///
  /// Unlike the standard library's, it cannot change with the library: a seed stands for the same
  /// scenes for good.
  mutating func choice(of count: Int) -> Int {
    Int(((next() >> 32) * UInt64(count)) >> 32)
  }
}
