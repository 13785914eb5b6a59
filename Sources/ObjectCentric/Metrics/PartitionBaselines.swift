import Images
import Tensors

// Segmentations that no model has made. Beside their scores one sees what the score of a model is
// worth.

extension SegmentationMask {
  /// Pixels grouped by colour and position: k-means (Lloyd 1982) from k-means++ centres (Arthur and
  /// Vassilvitskii 2007).
  ///
  /// A pixel is the point (r, g, b, x, y), with colours and positions both in [0, 1], so that the
  /// whole side of the picture weighs as much as the whole range of a colour. There is one attempt
  /// of at most `iterations` rounds, so the cost is O(pixels * count * iterations).
  ///
  /// Stops unless `count` is between 1 and 65,534.
  ///
  /// - Parameters:
  ///   - image: the picture.
  ///   - count: the number of groups; groups that lose all their pixels stay empty.
  ///   - iterations: the largest number of rounds; default 20, after which few pixels still change.
  ///   - generator: the source of the first centres.
  /// - Returns: the groups, numbered from 1.
  public static func clustering(
    pixelsOf image: Image, into count: Int, iterations: Int = 20, using generator: inout Philox
  ) -> SegmentationMask {
    expectSegments(count)
    let points = PixelPoint.all(of: image)
    var centers = PixelPoint.spreadCenters(count, of: points, using: &generator)
    var groups = points.map { $0.nearest(of: centers).index }
    for _ in 0..<iterations {
      var sums = [PixelPoint](repeating: .zero, count: count)
      var sizes = [Float](repeating: 0, count: count)
      for (point, group) in zip(points, groups) {
        sums[group] += point
        sizes[group] += 1
      }
      for group in 0..<count where sizes[group] > 0 { centers[group] = sums[group] / sizes[group] }
      let next = points.map { $0.nearest(of: centers).index }
      if next == groups { break }
      groups = next
    }
    return SegmentationMask(
      width: image.width, height: image.height, ids: groups.map { UInt16($0) + 1 })
  }

  /// A partition of the picture by the nearest of some points that are drawn evenly over it (a
  /// Voronoi partition).
  ///
  /// It does not depend on what the picture shows, but its regions are connected, as objects are.
  ///
  /// Stops unless `count` is between 1 and 65,534.
  ///
  /// - Parameters:
  ///   - width: the number of pixels in a row.
  ///   - height: the number of pixels in a column.
  ///   - count: the number of regions; one that is smaller than a pixel may be missing.
  ///   - generator: the source of the points.
  /// - Returns: the regions, numbered from 1.
  public static func randomRegions(
    width: Int, height: Int, count: Int, using generator: inout Philox
  ) -> SegmentationMask {
    expectSegments(count)
    let centers = (0..<count).map { _ in
      SIMD2(
        generator.uniform(in: 0...Double(width)), generator.uniform(in: 0...Double(height)))
    }
    let ids = (0..<width * height).map { pixel -> UInt16 in
      let place = SIMD2(Double(pixel % width) + 0.5, Double(pixel / width) + 0.5)
      let distances = centers.map { center in
        let difference = center - place
        return (difference * difference).sum()
      }
      let nearest = distances.indices.min { distances[$0] < distances[$1] } ?? 0
      return UInt16(nearest) + 1
    }
    return SegmentationMask(width: width, height: height, ids: ids)
  }

  /// The mask in which each square of `side` x `side` pixels belongs entirely to the object that
  /// has most of its pixels.
  ///
  /// Its score is nearly the best that a segmentation made of such squares can have. Slots divide
  /// tokens, which are squares of 4 x 4 pixels, among themselves; so a model that knows the objects
  /// exactly has this score, unless its attention is interpolated between tokens. If several
  /// objects have equally many pixels of a square, it goes to the one with the lowest number.
  /// Ignored pixels stay ignored only if a square has no others.
  ///
  /// Stops unless both extents are multiples of `side`.
  public func madeOfSquares(_ side: Int) -> SegmentationMask {
    expect(
      side > 0 && width % side == 0 && height % side == 0,
      "a mask of \(width) x \(height) pixels is not made of squares of \(side) x \(side)")
    var squares: [UInt16] = []
    for row in 0..<height / side {
      for column in 0..<width / side {
        var sizes: [UInt16: Int] = [:]
        for y in row * side..<(row + 1) * side {
          for x in column * side..<(column + 1) * side {
            sizes[ids[y * width + x], default: 0] += 1
          }
        }
        if sizes.count > 1 { sizes[SegmentationMask.ignored] = nil }
        let largest = sizes.max { ($0.value, $1.key) < ($1.value, $0.key) }
        squares.append(largest?.key ?? SegmentationMask.ignored)
      }
    }
    return SegmentationMask(width: width / side, height: height / side, ids: squares)
      .resized(width: width, height: height)
  }

  private static func expectSegments(_ count: Int) {
    expect(
      (1..<Int(SegmentationMask.ignored)).contains(count),
      "a segmentation has between 1 and 65,534 segments, not \(count)")
  }
}

/// A pixel as (r, g, b, x, y, 0, 0, 0).
private typealias PixelPoint = SIMD8<Float>

extension PixelPoint {
  fileprivate static func all(of image: Image) -> [PixelPoint] {
    (0..<image.width * image.height).map { pixel in
      var point = PixelPoint.zero
      for channel in 0..<3 { point[channel] = Float(image.pixels[3 * pixel + channel]) / 255 }
      point[3] = (Float(pixel % image.width) + 0.5) / Float(image.width)
      point[4] = (Float(pixel / image.width) + 0.5) / Float(image.height)
      return point
    }
  }

  /// The nearest of some points and its squared distance; of equally near points, the first.
  fileprivate func nearest(of centers: [PixelPoint]) -> (index: Int, distance: Float) {
    var best = (index: 0, distance: Float.infinity)
    for index in centers.indices {
      let difference = self - centers[index]
      let distance = (difference * difference).sum()
      if distance < best.distance { best = (index, distance) }
    }
    return best
  }

  /// Some of the points as centres, each drawn with a probability proportional to its squared
  /// distance from the centres before it.
  fileprivate static func spreadCenters(
    _ count: Int, of points: [PixelPoint], using generator: inout Philox
  ) -> [PixelPoint] {
    func drawn(_ weights: [Float]) -> PixelPoint {
      let total = weights.reduce(0.0) { $0 + Double($1) }
      var left = generator.uniform(in: 0...1) * total
      for (point, weight) in zip(points, weights) {
        left -= Double(weight)
        if left < 0 { return point }
      }
      return points[points.count - 1]
    }
    var centers = [drawn([Float](repeating: 1, count: points.count))]
    while centers.count < count {
      centers.append(drawn(points.map { $0.nearest(of: centers).distance }))
    }
    return centers
  }
}
