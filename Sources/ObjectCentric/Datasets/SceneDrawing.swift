import Foundation
import Images

// A picture is painted from the back to the front. Each outline is given by its signed distance d
// in pixels, which is negative inside. It covers the share clamp(1/2 - d, 0, 1) of a pixel, which
// smooths its edge.

extension Scene {
  /// The unit vector at an angle in radians.
  static func unitVector(_ angle: Double) -> SIMD2<Float> {
    SIMD2(Float(cos(angle)), Float(sin(angle)))
  }

  /// The picture, and a mask with the number of the object that each pixel shows.
  ///
  /// Objects are numbered from 1, from the back to the front.
  func drawn(size: Int) -> (image: Image, mask: SegmentationMask) {
    var canvas = Canvas(size: size, background)
    for reflection in reflections { canvas.paint(reflection, id: 0, isShaded: isShaded) }
    for (position, object) in objects.enumerated() {
      canvas.paint(object, id: UInt16(position + 1), isShaded: isShaded)
    }
    return (canvas.image, SegmentationMask(width: size, height: size, ids: canvas.ids))
  }
}

private struct Canvas {
  let size: Int
  var pixels: [SIMD4<Float>]
  var ids: [UInt16]

  init(size: Int, _ background: Scene.Background) {
    self.size = size
    pixels = [SIMD4<Float>](repeating: .zero, count: size * size)
    ids = [UInt16](repeating: 0, count: size * size)
    switch background {
    case .plain(let color): fill { _ in color }
    case .gradient(let gradient): fill(gradient)
    case .room(let room): fill(room.color)
    }
  }

  /// Gives each pixel the colour at its centre.
  private mutating func fill(_ color: (_ place: SIMD2<Float>) -> SIMD3<Float>) {
    let step = 1 / Float(size)
    for y in 0..<size {
      for x in 0..<size {
        pixels[y * size + x] = SIMD4(color((SIMD2(Float(x), Float(y)) + 0.5) * step), 0)
      }
    }
  }

  private mutating func fill(_ gradient: Scene.Gradient) {
    let step = 1 / Float(size)
    let (from, to) = (SIMD4(gradient.from, 0), SIMD4(gradient.to, 0))
    // sin(a + b) = sin a cos b + cos a sin b, where a depends on the row alone and b on the column
    // alone.
    let parts = gradient.waves.map { wave in
      (0..<size).map { position -> (row: SIMD2<Float>, column: SIMD2<Float>) in
        let place = (Float(position) + 0.5) * step
        let (a, b) = (wave.vector.y * place + wave.phase, wave.vector.x * place)
        return (SIMD2(sinf(a), cosf(a)), SIMD2(cosf(b), sinf(b)))
      }
    }
    for y in 0..<size {
      for x in 0..<size {
        let place = (SIMD2(Float(x), Float(y)) + 0.5) * step - 0.5
        let along = (place * gradient.direction).sum() * 0.7 + 0.5
        var light: Float = 1
        for part in parts { light += 0.018 * (part[y].row * part[x].column).sum() }
        pixels[y * size + x] = (from + (to - from) * along) * light
      }
    }
  }

  /// Paints a soft shadow to the lower right if the scene is shaded, and then the object itself.
  mutating func paint(_ object: Scene.Object, id: UInt16, isShaded: Bool) {
    let scale = Float(size)
    let (center, radius) = (object.center * scale, object.radius * scale)
    let outline = Contour(object, center: center, radius: radius)
    let shadow = center + SIMD2(0.16, 0.24) * radius
    let reach = radius * 1.75
    let first = pointwiseMax(center - reach, SIMD2(0, 0))
    let last = pointwiseMin(center + reach, SIMD2(scale - 1, scale - 1))
    let color = SIMD4(object.color, 0)
    for y in Int(first.y)...Int(last.y) {
      for x in Int(first.x)...Int(last.x) {
        let place = SIMD2(Float(x), Float(y)) + 0.5
        let index = y * size + x
        let away = (place - shadow) / (radius * 1.45)
        let shade = max(0, 1 - (away * away).sum())
        if isShaded { pixels[index] *= 1 - 0.34 * shade * shade }
        let distance = outline.signedDistance(to: place)
        guard distance < 0.5 else { continue }
        let coverage = min(1, 0.5 - distance)
        let offset = (place - center) / radius
        let lit =
          !isShaded
          ? color
          : outline.isDisc ? ball(color, offset) : plate(color, offset, depth: -distance / radius)
        pixels[index] += (lit - pixels[index]) * coverage
        if coverage >= 0.5 { ids[index] = id }
      }
    }
  }

  /// A ball lit from the upper left: ambient light, Lambert's cosine, and a small highlight.
  private func ball(_ color: SIMD4<Float>, _ offset: SIMD2<Float>) -> SIMD4<Float> {
    let height = max(0, 1 - (offset * offset).sum()).squareRoot()
    let cosine = max(0, -0.42 * offset.x - 0.52 * offset.y + 0.744 * height)
    let gleam = max(0, -0.23 * offset.x - 0.28 * offset.y + 0.932 * height)
    let power = gleam * gleam * gleam * gleam * gleam * gleam
    let highlight = power * power * power * 0.35
    return color * (0.5 + 0.55 * cosine) + SIMD4(repeating: highlight) * cosine
  }

  /// A plate with rounded rim, brighter towards the upper left.
  private func plate(
    _ color: SIMD4<Float>, _ offset: SIMD2<Float>, depth: Float
  ) -> SIMD4<Float> {
    let slope = -0.10 * offset.x - 0.13 * offset.y
    let rim = min(1, max(0, depth / 0.22))
    return color * (0.78 + 0.18 * rim + slope) + SIMD4(repeating: 0.03 * rim)
  }

  var image: Image {
    let bytes = [UInt8](unsafeUninitializedCapacity: size * size * 3) { buffer, count in
      for (index, pixel) in pixels.enumerated() {
        let level = (pixel * 255 + 0.5).clamped(
          lowerBound: SIMD4(repeating: 0), upperBound: SIMD4(repeating: 255))
        for channel in 0..<3 { buffer[index * 3 + channel] = UInt8(level[channel]) }
      }
      count = size * size * 3
    }
    return Image(width: size, height: size, pixels: bytes)
  }
}

extension Scene.Room {
  /// The colour of the floor, the wall or the mirror.
  ///
  /// The distant floor is darker, and a mirror shows the floor.
  fileprivate func color(at place: SIMD2<Float>) -> SIMD3<Float> {
    if place.y >= horizon { return floor * (0.86 + 0.14 * (place.y - horizon) / (1 - horizon)) }
    guard let mirror, mirror.contains(place.x), place.y > top else { return wall }
    let height = (horizon - place.y) / (horizon - top)
    return floor * (0.84 - 0.12 * height)
  }
}

/// An outline in pixels: a disc, or a polygon whose corners are rounded.
private struct Contour {
  let center: SIMD2<Float>
  let radius: Float
  let rounding: Float
  let corners: [SIMD2<Float>]
  var isDisc: Bool { corners.isEmpty }

  init(_ object: Scene.Object, center: SIMD2<Float>, radius: Float) {
    self.center = center
    self.radius = radius
    // The corners lie at these multiples of the radius, with which all outlines have similar areas.
    let reaches: [Float] =
      switch object.outline {
      case .disc: []
      case .square: [1.14]
      case .triangle: [1.30]
      case .hexagon: [1.00]
      case .star: [1.32, 0.66]
      }
    let count =
      switch object.outline {
      case .disc: 0
      case .square: 4
      case .triangle: 3
      case .hexagon: 6
      case .star: 10
      }
    rounding = 0.1 * radius
    corners = (0..<count).map { corner in
      let turn = Double(object.angle) + 2 * .pi * Double(corner) / Double(count)
      return center + Scene.unitVector(turn) * radius * reaches[corner % reaches.count]
    }
  }

  /// The distance to the outline; negative inside.
  func signedDistance(to place: SIMD2<Float>) -> Float {
    let offset = place - center
    if corners.isEmpty { return (offset * offset).sum().squareRoot() - radius }
    var nearest = Float.infinity
    var isInside = false
    var previous = corners[corners.count - 1]
    for corner in corners {
      let edge = previous - corner
      let arm = place - corner
      let along = min(1, max(0, (arm * edge).sum() / (edge * edge).sum()))
      let gap = arm - edge * along
      nearest = min(nearest, (gap * gap).sum())
      // Crossings of the ray to the right: an odd number means inside.
      if (corner.y > place.y) != (previous.y > place.y),
        arm.x < edge.x * arm.y / edge.y
      {
        isInside.toggle()
      }
      previous = corner
    }
    return (isInside ? -1 : 1) * nearest.squareRoot() - rounding
  }
}
