import Tensors

/// How generated scenes are drawn.
public enum SceneStyle: String, Sendable, Codable, CaseIterable {
  /// Objects in six flat colours, one colour each, on dark grey. This style is the easiest to
  /// segment.
  case plain
  /// Objects in eight colours that are lit from the upper left and cast soft shadows, on a pale
  /// gradient with faint waves. Objects may cover each other in part.
  case shaded
  /// Lit objects on a floor in front of a wall; nearer objects are larger. In every second scene a
  /// mirror on the wall shows them again, as in CLEVR-Mirror. Reflections belong to the background.
  case mirror

  /// The number of objects of a scene, unless another one is asked for.
  public var objects: ClosedRange<Int> {
    switch self {
    case .plain: 3...4
    case .shaded: 2...4
    case .mirror: 3...6
    }
  }
}

extension Scene {
  /// A scene drawn at random.
  ///
  /// - Parameters:
  ///   - style: the style in which the scene is drawn.
  ///   - hasMirror: whether there is a mirror; only used by the style that has mirrors.
  ///   - range: the number of objects.
  ///   - generator: the source of all other choices.
  init(
    _ style: SceneStyle, hasMirror: Bool, objects range: ClosedRange<Int>,
    using generator: inout Philox
  ) {
    switch style {
    case .plain:
      background = .plain(SIMD3(repeating: 0.2))
      isShaded = false
      objects = Scene.scattered(
        range, outlines: [.disc, .square, .triangle, .hexagon], radius: { _ in 0.15...0.19 },
        separation: 0.95, colors: 6, using: &generator)
    case .shaded:
      background = .gradient(Gradient(using: &generator))
      isShaded = true
      // Crowded scenes get smaller objects, so that there is always a place for each. At this
      // distance a disc hides at most a third of its neighbour.
      objects = Scene.scattered(
        range, radius: { 0.11...($0 <= 4 ? 0.185 : 0.15) }, separation: 0.78, colors: 8,
        using: &generator)
    case .mirror:
      let room = Room(hasMirror: hasMirror, using: &generator)
      background = .room(room)
      isShaded = true
      objects = Scene.scattered(
        range, radius: { _ in 0.11...0.13 }, separation: 0.95, colors: 8, using: &generator
      ).map(room.placed).sorted { $0.center.y < $1.center.y }
      reflections = objects.reversed().compactMap(room.reflection)
    }
  }

  /// Objects of different colours, scattered over the picture.
  ///
  /// - Parameters:
  ///   - range: the number of objects.
  ///   - outlines: the outlines to choose from.
  ///   - radius: the range of the radii, given the number of objects in the scene.
  ///   - separation: the least distance between two centres, as a multiple of the sum of both
  ///     radii.
  ///   - colors: the number of colours to choose from.
  ///   - generator: the source of all choices.
  /// - Returns: the objects in the order of painting: those that are higher in the picture, and so
  ///   farther away, come first.
  private static func scattered(
    _ range: ClosedRange<Int>, outlines: [Outline] = Outline.allCases,
    radius: (Int) -> ClosedRange<Double>, separation: Float,
    colors: Int, using generator: inout Philox
  ) -> [Object] {
    let wanted = range.lowerBound + generator.choice(of: range.count)
    var palette = Array(Scene.colors.prefix(colors))
    var placed: [Object] = []
    var refusals = 0
    while placed.count < wanted {
      let radius = Float(generator.uniform(in: radius(wanted)))
      let margin = Double(radius) * 1.05
      let center = SIMD2(
        Float(generator.uniform(in: margin...1 - margin)),
        Float(generator.uniform(in: margin...1 - margin)))
      let isFree = placed.allSatisfy { other in
        let gap = other.center - center
        let least = separation * (other.radius + radius)
        return (gap * gap).sum() >= least * least
      }
      guard isFree else {
        // If the objects so far leave no room for another, all of them are drawn again.
        refusals += 1
        if refusals % 1000 == 0 {
          palette = Array(Scene.colors.prefix(colors))
          placed = []
        }
        continue
      }
      let outline = outlines[generator.choice(of: outlines.count)]
      let color = palette.remove(at: generator.choice(of: palette.count))
      placed.append(
        Object(
          outline: outline, center: center, radius: radius,
          angle: Float(generator.uniform(in: 0...2 * .pi)),
          color: color * Float(generator.uniform(in: 0.88...1.0))))
    }
    return placed.sorted { $0.center.y < $1.center.y }
  }
}

extension Scene.Gradient {
  /// A gradient between pale colours that differ little from each other.
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

extension Scene.Room {
  /// A room in light greys.
  init(hasMirror: Bool, using generator: inout Philox) {
    horizon = Float(generator.uniform(in: 0.30...0.36))
    floor = SIMD3(repeating: Float(generator.uniform(in: 0.66...0.74)))
    wall = SIMD3(repeating: Float(generator.uniform(in: 0.80...0.86)))
    let left = Float(generator.uniform(in: 0.02...0.12))
    let right = Float(generator.uniform(in: 0.88...0.98))
    mirror = hasMirror ? left...right : nil
    top = 0.03
  }

  /// The scale of an object that stands at height `y` of the picture; nearer objects are larger.
  private func scale(at y: Float) -> Float { 0.55 + 0.75 * (y - horizon) / (1 - horizon) }

  /// An object of the unit square, moved to its place on the floor, which is seen obliquely.
  func placed(_ object: Scene.Object) -> Scene.Object {
    let y = horizon + (0.06 + 0.84 * object.center.y) * (1 - horizon)
    return Scene.Object(
      outline: object.outline, center: SIMD2(object.center.x, y),
      radius: object.radius * scale(at: y), angle: object.angle, color: object.color)
  }

  /// The mirror image of an object: as far behind the wall as the object stands in front of it,
  /// smaller and paler.
  ///
  /// Nil if it lies entirely outside the mirror.
  func reflection(_ object: Scene.Object) -> Scene.Object? {
    guard let mirror else { return nil }
    let depth = (object.center.y - horizon) / (1 - horizon)
    let radius = object.radius * 0.62 / (1 + depth)
    let center = SIMD2(
      0.5 + (object.center.x - 0.5) * 0.8, horizon - radius - 0.16 * depth)
    guard center.x - radius > mirror.lowerBound, center.x + radius < mirror.upperBound,
      center.y - radius > top
    else { return nil }
    return Scene.Object(
      outline: object.outline, center: center, radius: radius, angle: .pi - object.angle,
      color: object.color * 0.8 + 0.1)
  }
}
