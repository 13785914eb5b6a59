import Foundation
import Tensors
import TestFolders
import TestSupport
import Testing
import Training

@testable import ObjectCentric

/// Numbers in [-1/2, 1/2) from a hash of salt and position, as in make_inception.py.
private func noise(_ salt: Int, _ count: Int, scale: Float = 1, offset: Float = 0) -> [Float] {
  (0..<count).map { position in
    var h = UInt32(position) &* 2_654_435_761 &+ UInt32(salt * 97)
    for _ in 0..<2 { h = (h ^ (h >> 16)) &* 0x45d9_f3b }
    h ^= h >> 16
    return Float(Double(offset) + Double(scale) * (Double(h) / 4_294_967_296 - 0.5))
  }
}

/// The weights of make_inception.py, by name; the shape follows from what the network asks for.
private struct SeededWeights {
  let shapes: [String: Shape]

  func tensor(_ name: String) throws -> Tensor {
    let parts = name.split(separator: ".")
    let unit = parts.dropLast(2).joined(separator: ".")
    let salt = unit.utf8.enumerated().reduce(0) { $0 + ($1.offset + 1) * Int($1.element) }
    let weight = try #require(shapes[unit], "\(unit)")
    let out = weight[0]
    switch parts.suffix(2).joined(separator: ".") {
    case "conv.weight":
      let fan = weight.elementCount / out
      let scale = (24 / Double(fan)).squareRoot()
      return Tensor(
        noise(salt, weight.elementCount).map { Float(Double($0) * scale) }, shape: weight)
    case "bn.weight": return Tensor(noise(salt + 1, out, scale: 0.4, offset: 1), shape: [out])
    case "bn.bias": return Tensor(noise(salt + 2, out, scale: 0.4), shape: [out])
    case "bn.running_mean": return Tensor(noise(salt + 3, out, scale: 0.4), shape: [out])
    default: return Tensor(noise(salt + 4, out, offset: 1), shape: [out])
    }
  }
}

@Suite struct InceptionTests {
  /// Asks the network for the shapes that it needs: a wrong one is an error that names the right one.
  private func neededShapes() throws -> [String: Shape] {
    var shapes: [String: Shape] = [:]
    while true {
      do {
        _ = try Inception { name in
          let unit = name.split(separator: ".").dropLast(2).joined(separator: ".")
          guard let weight = shapes[unit] else { return .zeros([1]) }
          return .zeros(name.hasSuffix("conv.weight") ? weight : [weight[0]])
        }
        return shapes
      } catch let error as InceptionError {
        let unit = error.name.split(separator: ".").dropLast(2).joined(separator: ".")
        try #require(error.name.hasSuffix("conv.weight") && shapes[unit] == nil)
        shapes[unit] = error.needed
      }
    }
  }

  @Test func featuresEqualThoseOfTheReference() throws {
    let shapes = try neededShapes()
    #expect(shapes.count == 94)
    #expect(shapes["Mixed_6b.branch7x7_2"] == [128, 128, 1, 7])
    let inception = try Inception(weights: SeededWeights(shapes: shapes).tensor)
    // [2, 41, 53, 3], as in make_inception.py.
    var pixels: [Double] = []
    for n in 0..<2 {
      for y in 0..<41 {
        for x in 0..<53 {
          for c in 0..<3 {
            let (n, y, x, c) = (Double(n), Double(y), Double(x), Double(c))
            pixels.append(
              0.5 + 0.5 * sin(0.31 * y * (n + 1) + 0.17 * x + 1.3 * c + 0.011 * x * y))
          }
        }
      }
    }
    let features = inception.features(of: Tensor(pixels, shape: [2, 41, 53, 3]))
    #expect(features.shape == [2, 2048])
    let every16th = features.reshaped([2 * 128, 16]).slice(0..<1, alongAxis: 1)
      .reshaped([2, 128])
    let expected = try fixture("inception_seeded").tensor("features")
    #expect(difference(every16th, expected, relative: 5e-6) == nil)
    // The two images differ by a thousand times that.
    #expect(difference(expected.slice(0..<1), expected.slice(1..<2), relative: 5e-3) != nil)

    // A folder of nine images, in two steps, at their own sizes.
    try withTemporaryFolder { folder in
      let scenes = GeneratedScenes(imageSize: 24)
      for index in 0..<9 {
        try scenes.image(index, of: .test).write(to: folder.appending(path: "\(index).png"))
      }
      try folder.addImage("4.png", width: 31, height: 17)
      var steps: [Int] = []
      let all = try inception.features(ofImagesIn: folder) { done, _ in steps.append(done) }
      #expect(all.shape == [9, 2048] && steps == [8, 9])
      let last = scenes.image(8, of: .test)
      #expect(
        difference(
          all.slice(8..<9), inception.features(of: Tensor(images: [last], size: 24)),
          relative: 1e-6) == nil)
      let missing = #expect(throws: DatasetError.self) {
        try inception.features(ofImagesIn: folder.appending(path: "none"))
      }
      #expect(missing?.description.contains("none") == true)
    }
  }

  @Test func aWrongShapeIsNamed() throws {
    let error = #expect(throws: InceptionError.self) { try Inception { _ in .zeros([3, 3]) } }
    #expect(error?.description.contains("Conv2d_1a_3x3.conv.weight") == true)
    #expect(error?.description.contains("[3, 3] instead of [32, 3, 3, 3]") == true)
  }

  @Test func poolingDoesNotCountThePadding() {
    let x = Tensor((0..<12).map(Double.init), shape: [1, 3, 4, 1])
    #expect(
      difference(
        x.pooled(.average, stride: 1, padding: 1).scalars,
        [2.5, 3, 4, 4.5, 4.5, 5, 6, 6.5, 6.5, 7, 8, 8.5], absolute: 1e-6) == nil)
    #expect(
      x.pooled(.maximum, stride: 1, padding: 1).scalars
        == [5, 6, 7, 7, 9, 10, 11, 11, 9, 10, 11, 11])
    #expect(x.pooled(.maximum, stride: 2, padding: 0).scalars == [10])
    let negative = (x - 20).pooled(.maximum, stride: 1, padding: 1)
    #expect(negative.scalars[0] == -15)
  }

  @Test func bilinearInterpolation() {
    let x = Tensor([0, 4, 8, 12], shape: [1, 2, 2, 1])
    #expect(
      x.bilinear(height: 2, width: 4).scalars == [0, 1, 3, 4, 8, 9, 11, 12])
    #expect(x.bilinear(height: 1, width: 1).scalars == [6])
  }
}
