import Foundation
import Images
import Testing

private func fixture(_ name: String) throws -> URL {
  try #require(Bundle.module.resourceURL).appending(path: "Fixtures/\(name)")
}
private func bytes(_ name: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: fixture(name)))
}

private let files = [
  "rgb.png", "grey.png", "palette.png", "rgba.png", "bits.png", "420.jpg", "422.jpg", "444.jpg",
  "grey.jpg", "progressive.jpg", "greyalpha.png", "palette4.png", "transparent.png", "rgb16.png",
  "interlaced.png", "cmyk.jpg", "grey16.png", "grey16transparent.png", "grey16interlaced.png",
  "greyalpha16.png", "rgb16transparent.png", "rgba16.png", "grey1.png", "grey1transparent.png",
  "grey2.png", "grey2transparent.png", "grey4.png", "grey4transparent.png", "palette2alpha.png",
  "palettealpha.png",
]

@Suite struct DecodingTests {
  @Test("pixels equal Pillow's", arguments: files)
  func pixels(_ name: String) throws {
    let image = try Image(contentsOf: fixture(name))
    #expect(image.width == 37 && image.height == 23)
    #expect(try image.pixels == bytes(name + ".rgb"))
  }

  @Test("resizing equals Pillow's bicubic", arguments: [(16, 16), (64, 40), (11, 50), (37, 9)])
  func resizing(_ width: Int, _ height: Int) throws {
    let image = try Image(contentsOf: fixture("rgb.png")).resized(width: width, height: height)
    #expect(try image.pixels == bytes("resized_\(width)x\(height).rgb"))
  }

  @Test func resizingLargeImagesEqualsPillow() throws {
    let large = try Image(contentsOf: fixture("rgb.png")).resized(width: 203, height: 151)
    #expect(try large.resized(width: 31, height: 17).pixels == bytes("large_31x17.rgb"))
    #expect(try large.resizedShortSide(to: 32).pixels == bytes("large_square.rgb"))
  }

  @Test("every truncation is an error that names the file", arguments: ["rgb.png", "420.jpg"])
  func truncation(_ name: String) throws {
    let whole = try bytes(name)
    // The last bytes of a JPEG are its end marker; without the image data's end it is incomplete.
    for count in stride(from: 0, to: whole.count - 2, by: 13) {
      let error = #expect(throws: ImageError.self, "\(count) bytes") {
        try Image(encoded: Array(whole.prefix(count)), path: "broken/\(name)")
      }
      #expect(error?.description.contains("broken/\(name)") == true)
    }
  }

  @Test func superfluousBytesBehindAWholeJPEGAreNoDamage() throws {
    let whole = try bytes("420.jpg")
    let longer = whole.dropLast(2) + [1, 2, 3, 4, 5] + whole.suffix(2)
    #expect(try Image(encoded: Array(longer), path: "longer.jpg").pixels == bytes("420.jpg.rgb"))
  }

  @Test(
    "mutations give an image or an error",
    arguments: ["rgb.png", "420.jpg", "grey16transparent.png", "palette2alpha.png"])
  func mutations(_ name: String) throws {
    let whole = try bytes(name)
    var state: UInt64 = 9
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var errors = 0
    for _ in 0..<250 {
      var mutated = whole
      for _ in 0...random(4) { mutated[random(mutated.count)] = UInt8(random(256)) }
      do { _ = try Image(encoded: mutated, path: name) } catch { errors += 1 }
    }
    #expect(errors > 0)
  }

  @Test func whatIsNoImage() throws {
    let text = #expect(throws: ImageError.self) {
      try Image(encoded: Array("hello world".utf8), path: "note.png")
    }
    #expect(text?.description.contains("note.png") == true)
    #expect(text?.description.contains("neither PNG nor JPEG") == true)
    #expect(throws: ImageError.self) { try Image(encoded: [], path: "empty.png") }
    let missing = #expect(throws: ImageError.self) {
      try Image(contentsOf: URL(filePath: "/nowhere/missing.png"))
    }
    #expect(missing?.description.contains("/nowhere/missing.png") == true)
  }

  @Test func writingAndReadingGivesTheSamePixels() throws {
    let image = try Image(contentsOf: fixture("rgb.png"))
    #expect(try Image(encoded: [UInt8](image.pngData()), path: "memory") == image)
    let error = #expect(throws: ImageError.self) {
      try image.write(to: URL(filePath: "/nowhere/out.png"))
    }
    #expect(error?.description.contains("/nowhere/out.png") == true)
  }

  @Test func gridsPlaceEveryImage() {
    let (red, blue) = (
      Image(width: 2, height: 3, color: SIMD3(255, 0, 0)),
      Image(width: 2, height: 3, color: SIMD3(0, 0, 255))
    )
    let grid = Image.grid([[red, blue], [blue]], padding: 1, enlargement: 2)
    #expect(grid.width == 14 && grid.height == 18)
    func color(_ x: Int, _ y: Int) -> [UInt8] {
      Array(grid.pixels[(y * grid.width + x) * 3..<(y * grid.width + x) * 3 + 3])
    }
    #expect(color(0, 0) == [255, 255, 255])
    #expect(color(2, 2) == [255, 0, 0])
    #expect(color(8, 2) == [0, 0, 255])
    #expect(color(3, 11) == [0, 0, 255])
    #expect(color(9, 11) == [255, 255, 255])
  }

  @Test func cropsAndShortSides() throws {
    let image = try Image(contentsOf: fixture("rgb.png"))
    let crop = image.cropped(x: 3, y: 2, width: 5, height: 4)
    #expect(crop.pixels.prefix(3) == image.pixels[(2 * 37 + 3) * 3..<(2 * 37 + 3) * 3 + 3])
    // 37 - 10 = 27 and 23 - 10 = 13: halves go to the even offsets 14 and 6.
    #expect(image.centralSquare(of: 10) == image.cropped(x: 14, y: 6, width: 10, height: 10))
    // 16 * 37 / 23 = 25.7: the picture has 25 columns, and the square begins at the fourth.
    #expect(
      image.resizedShortSide(to: 16)
        == image.resized(width: 25, height: 16).cropped(x: 4, y: 0, width: 16, height: 16))
    #expect(image.resizedShortSide(to: 23) == image.centralSquare(of: 23))
  }
}
