import CKernels
import Foundation
import TestFolders
import Testing

@testable import Images

/// The fixtures of a folder by their names, without the files of expected values.
private func names(_ folder: String) -> [String] {
  let url = Bundle.module.resourceURL?.appending(path: "Fixtures/\(folder)")
  let all = url.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0.path) } ?? []
  return all.filter { [".jpg", ".png"].contains($0.suffix(4)) }.sorted()
}

private func bytes(_ name: String) throws -> [UInt8] {
  let url = try #require(Bundle.module.resourceURL).appending(path: "Fixtures/\(name)")
  return [UInt8](try Data(contentsOf: url))
}

/// Files that other programs write, and what is left of files that came to harm.
@Suite struct OddImageTests {
  @Test("what is whole is read, with Pillow's pixels", arguments: names("whole"))
  func whole(_ name: String) throws {
    let image = try Image(encoded: bytes("whole/\(name)"), path: name)
    #expect(image.width == 45 && image.height == 27)
    #expect(try image.pixels == bytes("whole/\(name).rgb"))
  }

  @Test("what is missing or damaged is refused", arguments: names("damaged"))
  func damaged(_ name: String) throws {
    let error = #expect(throws: ImageError.self) {
      try Image(encoded: bytes("damaged/\(name)"), path: "folder/\(name)")
    }
    #expect(error?.description.hasPrefix("folder/\(name): ") == true)
  }

  @Test func fixturesAreThere() {
    #expect(names("whole").count == 43)
    #expect(names("damaged").count == 26)
  }

  @Test("every byte that a JPEG ends too early is an error", arguments: ["sample_2x1", "cmyk_2"])
  func truncation(_ name: String) throws {
    let whole = try bytes("whole/\(name).jpg")
    for count in 0..<whole.count {
      #expect(throws: ImageError.self, "\(count) of \(whole.count) bytes") {
        try Image(encoded: Array(whole.prefix(count)), path: name)
      }
    }
  }

  @Test("stray bytes do not hide what is missing behind them")
  func truncationBehindStrayBytes() throws {
    let whole = try bytes("whole/stray_before_sof.jpg")
    _ = try Image(encoded: whole, path: "whole")
    for count in stride(from: 20, to: whole.count, by: 7) {
      for end in [[], [0xff, 0xd9]] as [[UInt8]] where count + end.count < whole.count - 8 {
        #expect(throws: ImageError.self, "\(count) of \(whole.count) bytes") {
          try Image(encoded: Array(whole.prefix(count)) + end, path: "cut")
        }
      }
    }
  }

  @Test("what this version of the library cannot decode is not called damaged")
  func unsupported() throws {
    // Lossless coding, which no library of Debian's reads.
    var bytes = try bytes("whole/sample_2x1.jpg")
    let frame = try #require(bytes.indices.first { bytes[$0] == 0xff && bytes[$0 + 1] == 0xc0 })
    bytes[frame + 1] = 0xc7
    let error = #expect(throws: ImageError.self) { try Image(encoded: bytes, path: "odd.jpg") }
    #expect(error?.description.contains("save it as an ordinary JPEG") == true, "\(error as Any)")
  }

  @Test(
    "pictures are turned as EXIF says where that is asked for",
    arguments: [
      ("1", false, true), ("2", false, false), ("3", false, false), ("4", false, false),
      ("5", true, false), ("6", true, false), ("7", true, false), ("8", true, false),
    ].flatMap { number, isOnItsSide, isUpright in
      [".jpg", ".png"].map { (number + $0, isOnItsSide, isUpright) }
    } + [("little_endian.jpg", true, false)])
  func orientation(_ name: String, _ isOnItsSide: Bool, _ isUpright: Bool) throws {
    let file = try bytes("oriented/\(name)")
    let stored = try Image(encoded: file, path: name)
    #expect(stored.width == 7 && stored.height == 5)
    let turned = try Image(encoded: file, path: name, appliesOrientation: true)
    #expect(try turned.pixels == bytes("oriented/\(name).rgb"))
    #expect(turned.width == (isOnItsSide ? 5 : 7) && turned.height == (isOnItsSide ? 7 : 5))
    #expect((turned == stored) == isUpright)
  }

  @Test func allOrientationsAreTried() { #expect(names("oriented").count == 17) }

  @Test("EXIF data that make no sense leave a picture as it lies")
  func damagedOrientation() throws {
    let whole = try bytes("oriented/6.jpg")
    let tag = try #require(
      whole.indices.first { whole[$0...].starts(with: Array("Exif\0\0".utf8)) })
    var read = Set<Orientation>()
    for offset in 6..<40 {
      for value: UInt8 in [0, 1, 9, 127, 255] {
        var changed = whole
        changed[tag + offset] = value
        read.insert(Orientation(ofFile: changed))
      }
    }
    #expect(read.contains(.upright) && read.contains(.turnedRight))
    #expect(Orientation(ofFile: []) == .upright)
    // The chunk of a PNG with the name of JPEG's segment before it, as some programs write it.
    let png = try bytes("oriented/6.png")
    let chunk = try #require(png.indices.first { png[$0...].starts(with: Array("eXIf".utf8)) })
    var named = png
    named.insert(contentsOf: Array("Exif\0\0".utf8), at: chunk + 4)
    named[chunk - 1] += 6
    #expect(Orientation(ofFile: png) == .turnedRight && Orientation(ofFile: named) == .turnedRight)
    for count in 0..<whole.count { _ = Orientation(ofFile: Array(whole.prefix(count))) }
  }
}

/// A grey progressive JPEG that is large, and whose scans hold next to nothing.
private struct ProgressiveFile {
  private(set) var bytes: [UInt8] = [0xff, 0xd8]

  /// - Parameters:
  ///   - side: the pixels of a side, a multiple of 64.
  ///   - refinements: the number of scans, besides the first of each kind, that add a bit to all
  ///     coefficients but the mean; at most 13.
  init(side: Int, refinements: Int) {
    // Comments, because memory is allowed for each byte of a file.
    for _ in 0..<(side * side) >> 21 { segment(0xfe, [UInt8](repeating: 0, count: 60_000)) }
    segment(0xdb, [0] + [UInt8](repeating: 1, count: 64))
    let sides = [side, side].flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    segment(0xc2, [8] + sides + [1, 1, 0x11, 0])
    // One code of one bit for a mean that stays; of four bits for the ends of 2^r and more blocks.
    segment(0xc4, [0, 1] + [UInt8](repeating: 0, count: 15) + [0])
    segment(
      0xc4, [0x10, 0, 0, 0, 15] + [UInt8](repeating: 0, count: 12) + (0..<15).map { $0 << 4 })
    let blocks = side * side / 64
    scan(from: 0, to: 0, high: 0, low: 0)
    bytes += [UInt8](repeating: 0, count: blocks / 8)
    for place in 0...refinements {
      let low = refinements - place
      scan(from: 1, to: 63, high: place == 0 ? 0 : low + 1, low: low)
      skip(blocks)
    }
    bytes += [0xff, 0xd9]
  }

  private mutating func segment(_ marker: UInt8, _ content: [UInt8]) {
    let length = content.count + 2
    bytes += [0xff, marker, UInt8(length >> 8), UInt8(length & 255)] + content
  }

  private mutating func scan(from first: UInt8, to last: UInt8, high: Int, low: Int) {
    segment(0xda, [1, 1, 0, first, last, UInt8(high << 4 | low)])
  }

  /// The codes of blocks in which nothing changes: four bits with r, and r bits with what exceeds 2^r.
  private mutating func skip(_ blocks: Int) {
    var bits: [Int] = []
    var left = blocks
    while left > 0 {
      let r = min(14, left.bitWidth - 1 - left.leadingZeroBitCount)
      let run = min(left, (2 << r) - 1)
      for place in (0..<4).reversed() { bits.append(r >> place & 1) }
      for place in (0..<r).reversed() { bits.append((run - (1 << r)) >> place & 1) }
      left -= run
    }
    bits += [Int](repeating: 1, count: (8 - bits.count % 8) % 8)
    for start in stride(from: 0, to: bits.count, by: 8) {
      let byte = bits[start..<start + 8].reduce(0) { $0 << 1 | $1 }
      bytes += byte == 255 ? [255, 0] : [UInt8(byte)]
    }
  }
}

/// What is made to cost more than it is worth.
@Suite struct DecoderBombTests {
  @Test func scansAreLimited() throws {
    let error = #expect(throws: ImageError.self) {
      try Image(encoded: bytes("damaged/scans_127.jpg"), path: "scans.jpg")
    }
    #expect(error?.description.contains("more than 100 scans") == true, "\(error as Any)")
  }

  @Test("scans of a large picture end in seconds, and too many of them are refused")
  func visitsAreLimited() throws {
    // 262,144 blocks, of which 14 scans visit 63 coefficients each, and say in some bytes that nothing
    // changes in them.
    let side = 4096
    let file = ProgressiveFile(side: side, refinements: 13).bytes
    let blocks = side * side / 64
    let visits = blocks * (8 + 14 * 70)
    let start = ck_thread_seconds()
    let image = try Image.decodedJPEG(file, "scans.jpg", copies: 1, visitLimit: visits)
    let seconds = ck_thread_seconds() - start
    #expect(image.width == side && image.pixels.allSatisfy { $0 == 128 })
    let error = #expect(throws: ImageError.self) {
      try Image.decodedJPEG(file, "scans.jpg", copies: 1, visitLimit: visits - 1)
    }
    #expect(error?.description.contains("too often") == true, "\(error as Any)")
    // As many as the limit allows, however busy the machine is.
    let atMost = seconds * Double(Image.visitLimit) / Double(visits)
    #expect(atMost < 60, "\(atMost) s for as many visits as are allowed")
    // Four visits of each coefficient of the largest picture are allowed, as photographs need them.
    #expect(3 * Image.pixelLimit / 64 * (4 * 64 + 4 * 7) <= Image.visitLimit)
  }

  @Test("a JPEG that claims more pixels than it can hold", arguments: ["jpg", "progressive"])
  func pixelsOfJPEG(_ kind: String) throws {
    var file = try bytes(
      kind == "jpg" ? "whole/sample_2x1.jpg" : "whole/sample_3x1_progressive.jpg")
    let frame = try #require(
      file.indices.first { file[$0] == 0xff && [0xc0, 0xc2].contains(file[$0 + 1]) })
    // 8192 x 4096 pixels.
    file.replaceSubrange(frame + 5..<frame + 9, with: [16, 0, 32, 0])
    let error = #expect(throws: ImageError.self) { try Image(encoded: file, path: "b.jpg") }
    let claim = "b.jpg: its \(file.count) bytes claim 8192 x 4096 pixels"
    #expect(error?.description.hasPrefix(claim) == true, "\(error as Any)")
    // Nor is that the size of a picture to which others are fitted.
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "b.jpg")
      try Data(file).write(to: url)
      #expect(throws: ImageError.self) { try Image.size(contentsOf: RawPath(url.path)) }
    }
    // 2048 x 4096 are few enough, but what they would be made of is missing. In a progressive file
    // each takes three times the memory before the first row is known.
    file.replaceSubrange(frame + 5..<frame + 9, with: [16, 0, 8, 0])
    let other = #expect(throws: ImageError.self) { try Image(encoded: file, path: "b.jpg") }
    #expect(
      other?.description.contains(kind == "jpg" ? "cannot be decoded" : "2048 x 4096") == true,
      "\(other as Any)")
  }

  @Test("a PNG that unfolds into more than the memory it is worth")
  func pixelsOfPNG() throws {
    let flat = Image(width: 4000, height: 4000)
    let file = [UInt8](try flat.pngData())
    #expect(try Image(encoded: file, path: "flat.png") == flat)
    let larger = [UInt8](try Image(width: 5000, height: 4000).pngData())
    let error = #expect(throws: ImageError.self) { try Image(encoded: larger, path: "flat.png") }
    #expect(error?.description.contains("claim 5000 x 4000 pixels") == true, "\(error as Any)")
  }

  @Test("a side that resizing would multiply")
  func longSides() throws {
    for (width, height) in [(1, 65_536), (65_536, 1)] {
      let long = [UInt8](try Image(width: width, height: height).pngData())
      let error = #expect(throws: ImageError.self) { try Image(encoded: long, path: "long.png") }
      let claim = "long.png: it claims a size of \(width) x \(height) pixels"
      #expect(error?.description.hasPrefix(claim) == true, "\(error as Any)")
      #expect(throws: ImageError.self) {
        try SegmentationMask(encoded: long, path: "long.png", encoding: .values())
      }
    }
    #expect(
      try Image(encoded: [UInt8](Image(width: 1, height: 65_535).pngData()), path: "").width == 1)
  }

  /// Its numbers would take 137 GB, if what is cut off were computed.
  @Test("of a long mask no more is computed than the square", .timeLimit(.minutes(1)))
  func longMasks() throws {
    let mask = SegmentationMask(
      width: 1, height: 65_534, ids: (0..<65_534).map { UInt16($0 / 32_767) })
    let square = mask.resizedShortSide(to: 1024)
    #expect(square.width == 1024 && square.height == 1024)
    #expect(square.ids == (0..<1024 * 1024).map { $0 < 512 * 1024 ? 0 : 1 })
  }
}

/// Masks name their objects in several ways.
@Suite struct MaskReadingTests {
  private func ids(_ name: String) throws -> [UInt16] {
    let bytes = try bytes("masks/\(name).ids")
    return stride(from: 0, to: bytes.count, by: 2).map {
      UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
    }
  }

  private func read(_ name: String, ignoring ignored: Int? = nil) throws -> SegmentationMask {
    try SegmentationMask(
      encoded: bytes("masks/\(name).png"), path: "masks/\(name).png",
      encoding: .values(ignoring: ignored))
  }

  @Test(
    "each value is an object",
    arguments: [
      "palette", "palette_ignored", "palette4", "palette_same_colors", "grey", "grey1", "grey2",
      "grey4", "grey16", "grey_alpha", "rgb", "rgba", "rgb16",
    ])
  func values(_ name: String) throws {
    let mask = try read(name)
    #expect(mask.width == 11 && mask.height == 9)
    #expect(try mask.ids == ids(name))
  }

  @Test(
    "pixels of one value are left out",
    arguments: [("palette_ignored", 255, 4), ("rgb", 128 * 256, 3), ("grey16", 26001, 4)])
  func ignoredValues(_ name: String, _ value: Int, _ number: Int) throws {
    let number = UInt16(number)
    let expected = try ids(name).map { id in
      id == number ? SegmentationMask.ignored : id > number ? id - 1 : id
    }
    let mask = try read(name, ignoring: value)
    #expect(mask.ids == expected)
    #expect(mask.objectCount == Set(expected).subtracting([0, SegmentationMask.ignored]).count)
  }

  @Test("black is not the background where it is ignored, as in COCO panoptic")
  func ignoredBlack() throws {
    let expected = try ids("rgb").map { $0 == 0 ? SegmentationMask.ignored : $0 }
    #expect(try read("rgb", ignoring: 0).ids == expected)
  }

  @Test(
    "what cannot be told apart is an error that says what was found",
    arguments: [
      ("transparency_only", "opacity"), ("photograph", "6400 different colours"),
      ("jpeg", "it is a JPEG"),
    ])
  func refusals(_ name: String, _ found: String) throws {
    let error = #expect(throws: ImageError.self) { try read(name) }
    #expect(error?.description.hasPrefix("masks/\(name).png: ") == true)
    #expect(error?.description.contains(found) == true, "\(error as Any)")
  }

  @Test func masksAreTurnedLikePictures() throws {
    let mask = SegmentationMask(width: 3, height: 2, ids: [1, 2, 3, 4, 5, 6])
    let image = Image(
      width: 3, height: 2, pixels: (1...6).flatMap { [UInt8](repeating: $0, count: 3) })
    for orientation in Orientation.allCases {
      let (turned, picture) = (mask.oriented(orientation), image.oriented(orientation))
      #expect(turned.width == picture.width)
      #expect(turned.ids == stride(from: 0, to: 18, by: 3).map { UInt16(picture.pixels[$0]) })
    }
  }
}

/// Paths that are no text, and what is at a path without being a file.
@Suite struct RawPathTests {
  private func withFolder(_ body: (RawPath) throws -> Void) throws {
    try withTemporaryFolder { try body(RawPath($0.path)) }
  }

  @Test func namesThatAreNoUTF8() throws {
    let name = RawPath(bytes: Array("caf".utf8) + [0xe9] + Array(".PNG".utf8))
    #expect(name.description == "caf\\xE9.PNG" && name.ending == "png")
    #expect(RawPath("a.b/d").ending == "" && RawPath("a/.png").ending == "")
    #expect(RawPath("a/b.c.jpg").replacingEnding(with: ".png") == "a/b.c.png")
    try withFolder { folder in
      let path = folder.appending(name)
      let picture = [UInt8](try Image(width: 2, height: 3).pngData())
      let file = path.withCString { open($0, O_WRONLY | O_CREAT, 0o600) }
      #expect(write(file, picture, picture.count) == picture.count)
      close(file)
      #expect(try Image(contentsOf: path) == Image(width: 2, height: 3))
    }
  }

  @Test("a pipe is refused without waiting for who writes", .timeLimit(.minutes(1)))
  func pipes() throws {
    try withFolder { folder in
      let path = folder.appending("x.png")
      #expect(path.withCString { mkfifo($0, 0o600) } == 0)
      let error = #expect(throws: ImageError.self) { try Image(contentsOf: path) }
      #expect(
        error?.description == "\(path): it is a FIFO, not a file; remove it, or give a PNG or "
          + "JPEG file")
    }
    let device = #expect(throws: ImageError.self) { try Image(contentsOf: "/dev/zero") }
    #expect(device?.description.hasPrefix("/dev/zero: it is a device") == true)
    let folder = #expect(throws: ImageError.self) { try Image(contentsOf: "/tmp") }
    #expect(folder?.description.hasPrefix("/tmp: it is a folder") == true)
  }
}
