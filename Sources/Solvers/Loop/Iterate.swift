import Tensors

/// A point of a solve and what is known of it, each thing computed once, when first asked for.
///
/// The rows of its tensors are the samples that are still in the solve.
public final class Iterate {
  /// z, [rows, n]: each sample as one vector.
  public let z: Tensor
  /// f(z), [rows, n].
  public let image: Tensor
  /// f as the solve sees it: for evaluations elsewhere, derivatives, and remarks.
  public let map: CountedMap

  /// f(z) - z, [rows, n], recorded if z or its image is.
  public private(set) lazy var residual: Tensor =
    whole?.residual.samples(rowsOfWhole) ?? image - z
  /// |f(z) - z| of each row.
  public private(set) lazy var norms: [Double] = ofWhole(\.norms) ?? residual.normsOfSamples
  /// |f(z)| of each row.
  public private(set) lazy var imageNorms: [Double] =
    ofWhole(\.imageNorms) ?? image.normsOfSamples
  /// What is known of the point of which this one is a part, without the point, which would take its
  /// memory longer; nil if it is none.
  private let whole: (residual: Tensor, norms: [Double], imageNorms: [Double])?
  private let rowsOfWhole: [Int]

  init(z: Tensor, image: Tensor, map: CountedMap) {
    (self.z, self.image, self.map) = (z, image, map)
    (whole, rowsOfWhole) = (nil, [])
  }

  private init(_ rows: [Int], of point: Iterate, map: CountedMap) {
    (z, image, self.map) = (point.z.samples(rows), point.image.samples(rows), map)
    (whole, rowsOfWhole) = ((point.residual, point.norms, point.imageNorms), rows)
    // What is recorded is taken now, while recording is as it was for the whole point.
    if point.residual.isRecorded { residual = point.residual.samples(rows) }
  }

  private func ofWhole(
    _ numbers: ((residual: Tensor, norms: [Double], imageNorms: [Double])) -> [Double]
  ) -> [Double]? {
    whole.map(numbers).map { numbers in rowsOfWhole.map { numbers[$0] } }
  }

  /// The residual that rounding alone makes of each row.
  ///
  /// Each of f's operations errs by up to a unit of the last place of what it returns, and f(z) is
  /// near z, so that f(z) - z is noise once it falls to a few units of |f(z)|. An acceleration that
  /// takes such a residual for a property of the map extrapolates from nothing.
  public var noise: [Double] { imageNorms.map { [rounding] in $0 * rounding } }

  /// The residual that rounding alone makes, as a fraction of |f(z)|.
  var rounding: Double { 16 * z.dtype.machineEpsilon }

  /// The rows in which F(z) = z - f(z) is 0 in every entry, and not only less than z resolves.
  ///
  /// z - F(z) equals z for every F below the last place of z; where the map knows F, it is asked. Else
  /// f(z) = z tells only at z = 0, whose last place is that of the smallest numbers.
  ///
  /// - Complexity: an evaluation, if the map knows F and z - f(z) is 0.
  func isExactlySolved() throws -> [Bool] {
    guard map.knowsEquation, norms.contains(0) else {
      return zip(norms, imageNorms).map { $0 == 0 && $1 == 0 }
    }
    let values = try withoutRecording { try map.equation(at: z.detached()) }
    return values.normsOfSamples.map { $0 == 0 }
  }

  /// A point of which f(z) - z is known.
  convenience init(_ point: KnownPoint, map: CountedMap) {
    self.init(z: point.z, image: point.z + point.residual, map: map)
    residual = point.residual
  }

  /// The same point in some of the rows.
  func rows(_ rows: [Int], map: CountedMap) -> Iterate { Iterate(rows, of: self, map: map) }

  /// Another point in the rows where `mask` is true.
  func replacing(_ mask: [Bool], with other: KnownPoint) -> Iterate {
    let point = Iterate(other, map: map)
    let mixed = Iterate(
      z: other.z, image: image.replacingSamples(mask, with: point.image), map: map)
    mixed.residual = other.residual
    return mixed
  }

  /// The same point as a constant.
  func detached() -> Iterate {
    guard z.isRecorded || image.isRecorded else { return self }
    let constant = Iterate(z: z.detached(), image: image.detached(), map: map)
    constant.norms = norms
    return constant
  }
}
