import Images
import ObjectCentric
import Testing

@Suite struct GeneratedScenesTests {
  private let data = GeneratedScenes(imageSize: 64, seed: 3)

  @Test func aSceneDependsOnSeedPartAndNumberOnly() {
    let again = GeneratedScenes(imageSize: 64, seed: 3)
    _ = again.image(9, of: .test)
    #expect(data.image(5, of: .train) == again.image(5, of: .train))
    #expect(data.mask(5, of: .train) == again.mask(5, of: .train))
    #expect(data.image(5, of: .train) != data.image(6, of: .train))
    #expect(data.image(5, of: .train) != data.image(5, of: .validation))
    #expect(data.image(5, of: .test) != data.image(5, of: .validation))
    #expect(
      data.image(5, of: .train) != GeneratedScenes(imageSize: 64, seed: 4).image(5, of: .train))
    #expect(data.description == "generated scenes (seed 3)")
    #expect(data.name(17, of: .train) == "scene 17")
  }

  @Test("every object shows at least a third of a disc of the smallest size", arguments: [32, 64])
  func objectsAreVisible(_ size: Int) throws {
    let data = GeneratedScenes(imageSize: size, seed: 1)
    var counts: Set<Int> = []
    for index in 0..<300 {
      let mask = try #require(data.mask(index, of: .train))
      let count = mask.objectCount
      counts.insert(count)
      for id in 1...UInt8(count) {
        let area = Double(mask.ids.count { $0 == id }) / Double(size * size)
        #expect(area > 0.33 * 3.14 * 0.11 * 0.11, "scene \(index), object \(id)")
      }
      #expect(mask.ids.count { $0 == 0 } > mask.ids.count / 4)
    }
    #expect(counts == [2, 3, 4])
  }

  @Test func objectsDifferInColourFromTheBackgroundAndEachOther() throws {
    for index in 0..<50 {
      let image = data.image(index, of: .validation)
      let mask = try #require(data.mask(index, of: .validation))
      let means = (0...UInt8(mask.objectCount)).map { id in
        var sum = SIMD3<Double>.zero
        for (pixel, other) in mask.ids.enumerated() where other == id {
          for channel in 0..<3 { sum[channel] += Double(image.pixels[pixel * 3 + channel]) }
        }
        return sum / Double(mask.ids.count { $0 == id })
      }
      for (position, mean) in means.enumerated() {
        for other in means[..<position] {
          let gap = mean - other
          #expect((gap * gap).sum().squareRoot() > 25, "scene \(index)")
        }
      }
    }
  }

  @Test("plain scenes show each object in one colour on one grey")
  func plainScenes() throws {
    let data = GeneratedScenes(imageSize: 48, seed: 2, style: .plain)
    #expect(data.description == "generated plain scenes (seed 2)")
    var counts: Set<Int> = []
    for index in 0..<60 {
      let image = data.image(index, of: .train)
      let mask = try #require(data.mask(index, of: .train))
      counts.insert(mask.objectCount)
      for id in 0...UInt16(mask.objectCount) {
        let colors = mask.ids.indices.filter { mask.ids[$0] == id }
          .map { Array(image.pixels[3 * $0..<3 * $0 + 3]) }
        // Edges are smoothed: what is left is one colour.
        let mostCommon = Dictionary(grouping: colors) { $0 }.map(\.value.count).max() ?? 0
        #expect(2 * mostCommon > colors.count, "scene \(index), object \(id)")
        if id == 0 { #expect(colors.contains([51, 51, 51])) }
      }
    }
    #expect(counts == [3, 4])
  }

  @Test("every second scene has a mirror, which belongs to the background")
  func mirrors() throws {
    let data = GeneratedScenes(imageSize: 64, seed: 2, style: .mirror)
    #expect(data.description == "generated mirror scenes (seed 2)")
    /// Pixels above the floor that belong to no object and are coloured.
    func reflected(_ index: Int) throws -> Int {
      let image = data.image(index, of: .train)
      let mask = try #require(data.mask(index, of: .train))
      return (0..<19 * 64).count { pixel in
        let channels = image.pixels[3 * pixel..<3 * pixel + 3]
        let spread = Int(channels.max() ?? 0) - Int(channels.min() ?? 0)
        return mask.ids[pixel] == 0 && spread > 60
      }
    }
    let found = try (0..<40).map(reflected)
    // A smooth edge of an object that reaches above the horizon has a few such pixels.
    #expect(found.enumerated().allSatisfy { $0.offset % 2 == 0 || $0.element < 20 }, "\(found)")
    #expect(found.enumerated().count { $0.offset % 2 == 0 && $0.element > 20 } >= 18, "\(found)")
    let counts = Set(try (0..<40).map { try #require(data.mask($0, of: .train)).objectCount })
    #expect(counts.isSubset(of: [3, 4, 5, 6]) && counts.count >= 3, "\(counts)")
  }

  @Test func theNumberOfObjectsIsChosen() {
    let data = GeneratedScenes(imageSize: 48, objects: 6...6, training: 7, held: 5)
    #expect(Split.allCases.map { data.count(of: $0) } == [7, 5, 5])
    for index in 0..<7 { #expect(data.mask(index, of: .train)?.objectCount == 6) }
  }

  @Test func contactSheetsShowImagesAboveMasks() throws {
    let sheet = try data.contactSheet(count: 5, columns: 3)
    #expect(sheet.width == 3 * 66 + 2 && sheet.height == 4 * 66 + 2)
    #expect(
      sheet.cropped(x: 2, y: 2, width: 64, height: 64).pixels == data.image(0, of: .train).pixels)
    #expect(
      sheet.cropped(x: 2, y: 68, width: 64, height: 64) == data.mask(0, of: .train)?.image)
  }
}
