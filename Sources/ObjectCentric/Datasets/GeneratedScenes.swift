import Images
import Tensors

/// Pictures of several coloured shapes on a calm background, drawn on demand.
///
/// ```swift
/// let data = GeneratedScenes(imageSize: 64, seed: 0)
/// let image = try data.image(3, of: .train)
/// let mask = try data.mask(3, of: .train)        // which object each pixel shows
/// ```
/// The objects are discs, squares, triangles, hexagons and stars of clearly different colours,
/// drawn as `SceneStyle` says. Scene i of a part is a function of (seed, part, i), so nothing is
/// stored, and the order of the calls does not matter.
public struct GeneratedScenes: ImageDataset {
  /// The number of rows, and of columns, of every image.
  public let imageSize: Int
  /// The seed from which the scenes are drawn.
  public let seed: UInt64
  /// The number of objects of a scene.
  public let objects: ClosedRange<Int>
  /// The style in which scenes are drawn.
  public let style: SceneStyle
  private let counts: [Split: Int]

  /// A collection of scenes.
  ///
  /// - Parameters:
  ///   - imageSize: the number of pixels of a side, at least 8.
  ///   - seed: default 0.
  ///   - style: the style in which scenes are drawn; default shaded.
  ///   - objects: the number of objects of a scene, within 1...6; default that of the style. A
  ///     model needs one slot for each object and one for the background.
  ///   - training: the number of training scenes; default 10,000, which are too many to be learned
  ///     by heart in a short run.
  ///   - held: the number of validation scenes, and of test scenes; default 500.
  public init(
    imageSize: Int, seed: UInt64 = 0, style: SceneStyle = .shaded,
    objects: ClosedRange<Int>? = nil, training: Int = 10_000, held: Int = 500
  ) {
    expect(imageSize >= 8, "a generated scene has at least 8 x 8 pixels, not \(imageSize)")
    let objects = objects ?? style.objects
    expect(
      objects.lowerBound >= 1 && objects.upperBound <= 6,
      "a generated scene has between 1 and 6 objects, not \(objects)")
    expect(
      training >= 1 && held >= 1, "a part has at least one scene, not \(training) or \(held)")
    self.imageSize = imageSize
    self.seed = seed
    self.style = style
    self.objects = objects
    counts = [.train: training, .validation: held, .test: held]
  }

  /// "generated scenes", their style where they are not shaded, and the seed.
  public var description: String {
    "generated \(style == .shaded ? "" : "\(style) ")scenes (seed \(seed))"
  }

  /// The number of scenes in a part.
  public func count(of split: Split) -> Int { counts[split] ?? 0 }

  /// A scene's picture.
  public func image(_ index: Int, of split: Split) -> Image {
    scene(index, of: split).drawn(size: imageSize).image
  }

  /// Which object each pixel of a scene shows.
  public func mask(_ index: Int, of split: Split) -> SegmentationMask? {
    scene(index, of: split).drawn(size: imageSize).mask
  }

  /// "scene" and its number.
  public func name(_ index: Int, of split: Split) -> String { "scene \(index)" }

  private func scene(_ index: Int, of split: Split) -> Scene {
    expectIndex(index, of: split)
    let part: UInt64 =
      switch split {
      case .train: 0
      case .validation: 1
      case .test: 2
      }
    var generator = Philox(seed: seed).substream(part).substream(UInt64(index))
    return Scene(
      style, hasMirror: index % 2 == 0, objects: objects, using: &generator)
  }
}
