import Foundation
import Images
import ObjectCentric
import TestFolders
import Testing

@Suite struct ImageFolderTests {
  @Test func filesAreFoundRecursivelyAndSplitInSortedOrder() throws {
    try withTemporaryFolder { folder in
      let names = (0..<18).map { "image\($0 / 10)\($0 % 10).png" }
      for (index, name) in names.enumerated() {
        try folder.addImage(name, color: SIMD3(UInt8(index), 0, 0))
      }
      try folder.addImage("deep/below/a.PNG", color: SIMD3(100, 0, 0))
      try folder.addImage("Z.png", color: SIMD3(101, 0, 0))
      try folder.addImage(".hidden.png")
      try folder.addText("notes.txt", "no image")
      let data = try ImageFolder(folder, imageSize: 8)
      #expect(data.description == "image folder \(folder.path)")
      #expect(Split.allCases.map { data.count(of: $0) } == [14, 3, 3])
      let reds = try Split.allCases.map { split in
        try (0..<data.count(of: split)).map { try data.image($0, of: split).pixels[0] }
      }
      // In the order of bytes: "Z.png", "deep/below/a.PNG", then the numbered ones.
      #expect(reds == [[101, 100] + Array(0...11), [12, 13, 14], [15, 16, 17]])
      #expect(data.name(1, of: .train) == folder.path + "/deep/below/a.PNG")
      #expect(try data.mask(0, of: .train) == nil)
      let limited = try ImageFolder(folder, imageSize: 8, limit: 10)
      #expect(Split.allCases.map { limited.count(of: $0) } == [7, 1, 2])
    }
  }

  @Test func imagesAreResizedWithoutACropUnlessAsked() throws {
    try withTemporaryFolder { folder in
      var wide = Image(width: 40, height: 20, color: SIMD3(0, 0, 0))
      for y in 0..<20 {
        for x in 0..<10 { wide.pixels[(y * 40 + x) * 3] = 255 }
      }
      for name in ["a", "b", "c", "d"] { try wide.write(to: folder.appending(path: name + ".png")) }
      let whole = try ImageFolder(folder, imageSize: 16).image(0, of: .train)
      #expect(whole == wide.resized(width: 16, height: 16))
      #expect(whole.pixels[0] == 255)
      // The centre begins at column 10, behind the red stripe.
      let short = try ImageFolder(folder, imageSize: 16, framing: .shortSide).image(0, of: .train)
      #expect(
        short == wide.resized(width: 32, height: 16).cropped(x: 8, y: 0, width: 16, height: 16))
      let centre = try ImageFolder(folder, imageSize: 16, framing: .centerCrop(12))
        .image(0, of: .train)
      #expect(centre == Image(width: 16, height: 16, color: SIMD3(0, 0, 0)))
      let scaled = try ImageFolder(
        folder, imageSize: 4, framing: .centerCrop(10, ofWidth: 16, height: 12)
      ).image(0, of: .train)
      #expect(
        scaled
          == wide.resized(width: 16, height: 12).cropped(x: 3, y: 1, width: 10, height: 10)
          .resized(width: 4, height: 4))
      let error = #expect(throws: DatasetError.self) {
        try ImageFolder(folder, imageSize: 16, framing: .centerCrop(21)).image(0, of: .train)
      }
      #expect(error?.description.contains("a.png") == true)
      #expect(error?.description.contains("21") == true)
    }
  }

  @Test func masksLieBesideTheImages() throws {
    try withTemporaryFolder { folder in
      for name in ["0", "1", "2", "3"] {
        try folder.addImage("images/\(name).png", width: 8, height: 8)
        var mask = Image(width: 8, height: 8, color: SIMD3(0, 0, 0))
        mask.pixels[3] = 219
        mask.pixels[6] = 36
        try FileManager.default.createDirectory(
          at: folder.appending(path: "masks"), withIntermediateDirectories: true)
        try mask.write(to: folder.appending(path: "masks/\(name).png"))
      }
      for url in [folder, folder.appending(path: "images")] {
        let data = try ImageFolder(url, imageSize: 8)
        #expect(data.hasMasks)
        #expect(Split.allCases.map { data.count(of: $0) } == [2, 1, 1])
        let mask = try #require(try data.mask(0, of: .test))
        #expect(mask.ids.prefix(4) == [0, 2, 1, 0])
        #expect(mask.objectCount == 2)
      }
      // Cut like the image: of 8 pixels the first 7.
      let cut = try ImageFolder(folder, imageSize: 7, framing: .centerCrop(7))
      #expect(try cut.mask(0, of: .test)?.ids.prefix(8) == [0, 2, 1, 0, 0, 0, 0, 0])
      try FileManager.default.removeItem(at: folder.appending(path: "masks/3.png"))
      let error = #expect(throws: ImageError.self) {
        try ImageFolder(folder, imageSize: 8).mask(0, of: .test)
      }
      #expect(error?.description.contains("masks/3.png") == true)
    }
  }

  @Test("a mask of another size shows the same part of its image, one of other proportions none")
  func masksOfOtherSizes() throws {
    try withTemporaryFolder { folder in
      for index in 0..<4 { try folder.addImage("images/\(index).png", width: 8, height: 8) }
      let url = folder.appending(path: "masks/0.png")
      try folder.addImage("masks/0.png", width: 4, height: 4, color: SIMD3(0, 0, 0))
      var mask = Image(width: 4, height: 4, color: SIMD3(0, 0, 0))
      for (pixel, value) in [(5, 10), (6, 20), (9, 30), (10, 40)] {
        mask.pixels[3 * pixel] = UInt8(value)
      }
      try mask.write(to: url)
      let data = try ImageFolder(folder, imageSize: 4, framing: .centerCrop(4))
      #expect(
        try data.mask(0, of: .train)?.ids == [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4])
      for framing in [Framing.whole, .shortSide, .centerCrop(4)] {
        let data = try ImageFolder(folder, imageSize: 4, framing: framing)
        try folder.addImage("masks/0.png", width: 16, height: 8, color: SIMD3(0, 0, 0))
        let error = #expect(throws: DatasetError.self) { try data.mask(0, of: .train) }
        let text = error?.description ?? ""
        #expect(text.contains("masks/0.png: the mask has 16 x 8 pixels, of other proportions"))
        #expect(text.contains("8 x 8 of ") && text.contains("images/0.png"), "\(text)")
      }
      // Half of 9 x 7, rounded either way.
      try folder.addImage("images/0.png", width: 9, height: 7)
      for (width, height) in [(4, 3), (5, 4), (4, 4), (5, 3)] {
        try folder.addImage("masks/0.png", width: width, height: height, color: SIMD3(0, 0, 0))
        let data = try ImageFolder(folder, imageSize: 4, framing: .whole)
        #expect(try data.mask(0, of: .train)?.ids == [UInt16](repeating: 0, count: 16))
      }
    }
  }

  @Test func fingerprintsFollowTheContent() throws {
    func fingerprint(_ change: (URL) throws -> Void) throws -> String {
      try withTemporaryFolder { folder in
        for index in 0..<5 {
          try folder.addImage("\(index).png", color: SIMD3(UInt8(index), 0, 0))
        }
        try change(folder)
        return try ImageFolder(folder, imageSize: 8).fingerprint
      }
    }
    let plain = try fingerprint { _ in }
    #expect(try plain.count == 16 && fingerprint { _ in } == plain)
    #expect(try fingerprint { try $0.addImage("3.png") } != plain)
    #expect(try fingerprint { try $0.addImage("5.png") } != plain)
    #expect(try fingerprint { try $0.addText("3.png", "text") } != plain)
    #expect(
      GeneratedScenes(imageSize: 8, seed: 1).fingerprint
        != GeneratedScenes(imageSize: 8, seed: 2).fingerprint)
  }

  @Test func whatCannotBeOpenedIsNamed() throws {
    try withTemporaryFolder { folder in
      func message(_ path: String) -> String {
        let error = #expect(throws: DatasetError.self) {
          try ImageFolder(folder.appending(path: path), imageSize: 8)
        }
        return error?.description ?? ""
      }
      #expect(message("missing").contains("missing: there is no such folder"))
      try FileManager.default.createDirectory(
        at: folder.appending(path: "empty"), withIntermediateDirectories: true)
      #expect(message("empty").contains("empty: no image was found"))
      #expect(message("empty").contains(".png, .jpg, .jpeg"))
      try folder.addText("file.png", "text")
      #expect(message("file.png").contains("it is a file"))
      for index in 0..<3 { try folder.addImage("few/\(index).png") }
      #expect(message("few").contains("3 images are too few"))
      for name in ["a", "b", "c"] { try folder.addImage("bad/\(name).png") }
      try folder.addText("bad/d.jpg", "text")
      let data = try ImageFolder(folder.appending(path: "bad"), imageSize: 8)
      let error = #expect(throws: ImageError.self) { try data.image(0, of: .test) }
      #expect(error?.description.contains("bad/d.jpg") == true)
    }
  }

  private func link(_ name: String, to place: String, in folder: URL) throws {
    let path = folder.appending(path: name).path
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: place)
  }

  @Test("links to folders are followed, and each folder is visited once", .timeLimit(.minutes(1)))
  func links() throws {
    try withTemporaryFolder { folder in
      let (root, elsewhere) = (folder.appending(path: "root"), folder.appending(path: "elsewhere"))
      for index in 0..<4 { try root.addImage("own/\(index).png") }
      for index in 0..<3 { try elsewhere.addImage("\(index).png") }
      for index in 0..<2 { try elsewhere.addImage("below/\(index).png") }
      try link("a", to: elsewhere.path, in: root)
      try link("b", to: "../elsewhere", in: root)
      try link("0-own-again", to: "own", in: root)
      try link("own/up", to: "../..", in: root)
      try link("one.png", to: "own/1.png", in: root)
      let data = try ImageFolder(root, imageSize: 8)
      let names = Split.allCases.flatMap { split in
        (0..<data.count(of: split)).map { data.name($0, of: split) }
      }
      #expect(
        names
          == [
            "a/0.png", "a/1.png", "a/2.png", "a/below/0.png", "a/below/1.png", "one.png",
            "own/0.png", "own/1.png", "own/2.png", "own/3.png",
          ].map { "\(root.path)/\($0)" })
      for index in 0..<data.count(of: .train) { _ = try data.image(index, of: .train) }
    }
  }

  @Test("files whose names are no text are read like the others")
  func namesThatAreNoUTF8() throws {
    try withTemporaryFolder { folder in
      for index in 0..<3 { try folder.addImage("images/\(index).png", color: SIMD3(0, 0, 0)) }
      for index in 0..<3 { try folder.addImage("masks/\(index).png", color: SIMD3(0, 0, 0)) }
      for (place, color) in [("images", SIMD3<UInt8>(200, 0, 0)), ("masks", SIMD3(0, 0, 7))] {
        try folder.addImage("new.png", color: color)
        let name =
          RawPath("\(folder.path)/\(place)/").bytes + [0xe9, 0x5f, 0xff] + Array(".png".utf8)
        let moved = RawPath(bytes: name).withCString { rename(folder.path + "/new.png", $0) }
        #expect(moved == 0)
      }
      let data = try ImageFolder(folder, imageSize: 8)
      // Sorted by bytes, it comes last.
      #expect(data.name(0, of: .test) == "\(folder.path)/images/\\xE9_\\xFF.png")
      #expect(try data.image(0, of: .test).pixels.prefix(3) == [200, 0, 0])
      #expect(try data.mask(0, of: .test)?.ids == [UInt16](repeating: 1, count: 64))
    }
  }

  @Test("a folder below that cannot be read is an error", .enabled(if: geteuid() != 0))
  func foldersThatCannotBeRead() throws {
    try withTemporaryFolder { folder in
      for index in 0..<4 { try folder.addImage("\(index).png") }
      try folder.addImage("closed/0.png")
      let closed = folder.appending(path: "closed").path
      chmod(closed, 0)
      defer { chmod(closed, 0o700) }
      let error = #expect(throws: DatasetError.self) { try ImageFolder(folder, imageSize: 8) }
      #expect(error?.description.contains("closed: the folder cannot be read") == true)
    }
  }

  @Test("a pipe with an image's name is an unreadable image", .timeLimit(.minutes(1)))
  func pipes() throws {
    try withTemporaryFolder { folder in
      for index in 0..<4 { try folder.addImage("\(index).png") }
      #expect(mkfifo(folder.path + "/0.jpg", 0o600) == 0)
      let data = try ImageFolder(folder, imageSize: 8)
      let error = #expect(throws: ImageError.self) { try data.image(0, of: .train) }
      #expect(error?.description.contains("0.jpg: it is a FIFO, not a file") == true)
      #expect(DatasetSummary(of: data).unreadable.count == 1)
    }
  }

  @Test("EXIF data and ignored values are followed where the options say so")
  func optionsReachFiles() throws {
    try withTemporaryFolder { folder in
      for index in 0..<4 {
        // Red above blue; the mask has the value 9 above 0.
        var picture = Image(width: 8, height: 8, color: SIMD3(0, 0, 200))
        var mask = Image(width: 8, height: 8, color: SIMD3(0, 0, 0))
        for pixel in 0..<32 {
          picture.pixels.replaceSubrange(3 * pixel..<3 * pixel + 3, with: [200, 0, 0])
          mask.pixels[3 * pixel] = 9
        }
        for (place, image) in [("images", picture), ("masks", mask)] {
          let file = folder.appending(path: "\(place)/\(index).png")
          try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
          try upsideDown(image).write(to: file)
        }
      }
      var options = DatasetOptions(imageSize: 8)
      let stored = try options.open(folder)
      #expect(try stored.image(0, of: .train).pixels.prefix(3) == [200, 0, 0])
      #expect(try stored.mask(0, of: .train)?.ids.prefix(1) == [1])
      options.appliesOrientation = true
      options.ignoredMaskValue = 9
      let turned = try options.open(folder)
      #expect(try turned.image(0, of: .train).pixels.prefix(3) == [0, 0, 200])
      let mask = try turned.mask(0, of: .train)
      #expect(mask?.ids.first == 0 && mask?.ids.last == SegmentationMask.ignored)
    }
  }

  /// A PNG file that says that it stands on its head, in a chunk eXIf behind the header.
  private func upsideDown(_ image: Image) throws -> Data {
    let exif: [UInt8] =
      Array("eXIf".utf8) + [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1]
      + [0, 3, 0, 0, 0, 0, 0, 0]
    var check: UInt32 = .max
    for byte in exif {
      check ^= UInt32(byte)
      for _ in 0..<8 { check = check >> 1 ^ (check & 1 == 1 ? 0xedb8_8320 : 0) }
    }
    let length = UInt8(exif.count - 4)
    let sum = (0..<4).map { UInt8(truncatingIfNeeded: ~check >> UInt32(24 - 8 * $0)) }
    var file = try image.pngData()
    file.insert(contentsOf: [0, 0, 0, length] + exif + sum, at: 33)
    return file
  }
}
