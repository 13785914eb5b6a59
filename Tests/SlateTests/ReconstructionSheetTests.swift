import Images
import ObjectCentric
import Tensors
import Testing

@testable import slate

/// The picture of what a model sees in images.
@Suite struct ReconstructionSheetTests {
  @Test("numbers become the nearest bytes, and those out of range the ends of it")
  func bytes() throws {
    let numbers: [Float] = [0, 1, 0.5, 0.4999 / 255, 0.5001 / 255, -3, 7, 100 / 255, 0.25]
    let image = try Image(Tensor(numbers, shape: [1, 3, 3]), of: "it")
    #expect(image.width == 3 && image.height == 1)
    #expect(image.pixels == [0, 255, 128, 0, 1, 0, 255, 100, 64])
  }

  /// The pixels of one cell of a sheet.
  private static func cell(
    _ sheet: Image, row: Int, column: Int, size: Int, enlargement: Int
  ) -> [Int] {
    (0..<size).flatMap { y in
      (0..<size).flatMap { x in
        let line = (row * (size + 2) + 2 + y) * enlargement
        let place = line * sheet.width + (column * (size + 2) + 2 + x) * enlargement
        return (0..<3).map { Int(sheet.pixels[3 * place + $0]) }
      }
    }
  }

  @Test("a row an image: itself, two reconstructions, and its slots, which share it among them")
  func sheet() throws {
    var draws = Philox(seed: 2)
    let model = SLATE(try RunConfiguration.tiny().model, using: &draws)
    let images = Tensor.uniform([2, 16, 16, 3], using: &draws)
    let noise = Tensor.normal([2, 3, 6], using: &draws)
    let sheet = try reconstructionSheet(model, images: images, slotNoise: noise)
    // Six cells of 16 pixels and two of white between them, eight times as large.
    #expect(sheet.width == 8 * (6 * 18 + 2) && sheet.height == 8 * (2 * 18 + 2))
    let plain = model.dvaeReconstruction(images)
    let generated = try model.reconstruct(images, slotNoise: noise).image
    for row in 0..<2 {
      let cells = (0..<6).map {
        Self.cell(sheet, row: row, column: $0, size: 16, enlargement: 8)
      }
      for (column, tensor) in [images, plain, generated].enumerated() {
        let expected = try Image(tensor.slice(row..<row + 1).reshaped([16, 16, 3]), of: "it")
        #expect(cells[column] == expected.pixels.map { Int($0) }, "row \(row), column \(column)")
      }
      // The shares a of a pixel add up to 1, and where a slot has the share a it is white but for that much.
      for (place, byte) in cells[0].enumerated() {
        let shown = cells[3...].reduce(0) { $0 + 255 - $1[place] }
        #expect(abs(shown - (255 - byte)) <= 2, "row \(row), byte \(place)")
      }
      #expect(Set(cells[3...]).count == 3)
    }
    // No file holds a picture of thousands of slots.
    let wide = SLATE(try RunConfiguration.tiny { $0.numSlots = 70 }.model, using: &draws)
    let many = Tensor.normal([2, 70, 6], using: &draws)
    let cut = try reconstructionSheet(wide, images: images, slotNoise: many)
    #expect(cut.width == 8 * ((3 + 64) * 18 + 2))
  }
}
