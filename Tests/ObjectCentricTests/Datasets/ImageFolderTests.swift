import Foundation
import Images
import ObjectCentric
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
        var mask = Image(width: 8, height: 8, color: SIMD3(0, 77, 0))
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
}
