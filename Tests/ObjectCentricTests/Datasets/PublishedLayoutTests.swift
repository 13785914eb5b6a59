import Foundation
import Images
import TestFolders
import Testing

@testable import ObjectCentric

@Suite struct PublishedLayoutTests {
  private let options = DatasetOptions(imageSize: 8)

  private func counts(_ data: any ImageDataset) -> [Int] {
    Split.allCases.map { data.count(of: $0) }
  }

  @Test func clevr() throws {
    try withTemporaryFolder { folder in
      for (part, count) in [("train", 3), ("val", 2)] {
        for index in 0..<count {
          try folder.addImage(
            "images/\(part)/CLEVR_\(part)_\(index).png", width: 48, height: 32,
            color: SIMD3(UInt8(index), 0, 0))
        }
      }
      #expect(try DatasetKind(at: folder) == .clevr)
      let data = try options.open(folder)
      #expect(counts(data) == [3, 2, 0])
      #expect(data.description == "CLEVR \(folder.path)")
      #expect(try data.image(1, of: .validation).pixels[0] == 1)
      #expect(data.name(2, of: .train) == folder.path + "/images/train/CLEVR_train_2.png")
      try folder.addImage("images/test/CLEVR_test_0.png")
      var limited = options
      limited.limit = 2
      #expect(try counts(limited.open(folder)) == [2, 2, 1])
    }
  }

  @Test("a crop of CLEVR is taken from the picture at 320 x 240")
  func clevrCrop() throws {
    try withTemporaryFolder { folder in
      var picture = Image(width: 480, height: 320, color: SIMD3(0, 0, 255))
      for index in 0..<480 * 320 where index % 480 < 90 { picture.pixels[index * 3] = 255 }
      for part in ["train", "val"] {
        try folder.addImage("images/\(part)/a.png")
        try picture.write(to: folder.appending(path: "images/\(part)/a.png"))
      }
      let data = try DatasetOptions(imageSize: 64, centerCrop: 192).open(folder)
      #expect(
        try data.image(0, of: .train)
          == picture.resized(width: 320, height: 240)
          .cropped(x: 64, y: 24, width: 192, height: 192).resized(width: 64, height: 64))
      // The red stripe ends at 60 of 320, before the crop begins.
      #expect(
        try data.image(0, of: .train) == Image(width: 64, height: 64, color: SIMD3(0, 0, 255)))
    }
  }

  @Test func cocoInBothLayouts() throws {
    for layout in [["train2017", "val2017", "test2017"], ["train/data", "validation/data", ""]] {
      try withTemporaryFolder { folder in
        try folder.addImage("\(layout[0])/b.png", width: 30, height: 10)
        try folder.addImage("\(layout[0])/a.png", width: 10, height: 20)
        try folder.addImage("\(layout[1])/c.png", width: 9, height: 9)
        if !layout[2].isEmpty { try folder.addImage("\(layout[2])/d.png") }
        #expect(try DatasetKind(at: folder) == .coco)
        let data = try options.open(folder)
        #expect(counts(data) == [2, 1, layout[2].isEmpty ? 0 : 1])
        #expect(data.name(0, of: .train).hasSuffix("\(layout[0])/a.png"))
        #expect(try data.image(1, of: .train).width == 8)
        let error = #expect(throws: DatasetError.self) {
          try DatasetOptions(imageSize: 8, centerCrop: 5).open(folder)
        }
        #expect(error?.description.contains("COCO-2017") == true)
      }
    }
  }

  @Test func shapeStacks() throws {
    try withTemporaryFolder { folder in
      for scenario in ["s1", "s2", "s3"] {
        for (index, view) in ["rgb-a-mono-0.png", "rgb-b-mono-0.png"].enumerated() {
          try folder.addImage(
            "recordings/\(scenario)/\(view)", color: SIMD3(UInt8(index), 0, 0))
        }
        try folder.addImage("recordings/\(scenario)/rgb-a-left-0.png")
        try folder.addImage("recordings/\(scenario)/depth-a-mono-0.png")
      }
      try folder.addText("splits/default/train.txt", "s3\ns1\n")
      try folder.addText("splits/default/eval.txt", "s2\r\n")
      try folder.addText("splits/default/test.txt", "s2\n\n")
      #expect(try DatasetKind(at: folder) == .shapeStacks)
      let data = try options.open(folder)
      #expect(counts(data) == [4, 2, 2])
      #expect(data.name(0, of: .train) == folder.path + "/recordings/s3/rgb-a-mono-0.png")
      #expect(try data.image(3, of: .train).pixels[0] == 1)
      var limited = options
      limited.limit = 3
      #expect(try counts(limited.open(folder)) == [3, 2, 2])

      var other = options
      other.shapeStacksList = "ccs_all"
      let missing = #expect(throws: DatasetError.self) { try other.open(folder) }
      #expect(missing?.description.contains("splits/ccs_all/train.txt") == true)
      try folder.addText("splits/default/test.txt", "s2\ns9\n")
      let lost = #expect(throws: DatasetError.self) { try options.open(folder) }
      #expect(lost?.description.contains("recordings/s9") == true)
      for line in ["/", "..", "s1/../s2", "/etc", "s1\u{0}2"] {
        try folder.addText("splits/default/test.txt", "s2\n \(line)\n")
        let odd = #expect(throws: DatasetError.self) { try options.open(folder) }
        #expect(odd?.description.contains("'\(line)' is no name of a scenario") == true)
      }
      try folder.addText("splits/default/eval.txt", "\n")
      let empty = #expect(throws: DatasetError.self) { try options.open(folder) }
      #expect(empty?.description.contains("lists no scenario") == true)
    }
  }

  @Test("ShapeStacks whose names are in another encoding")
  func shapeStacksOfOtherBytes() throws {
    try withTemporaryFolder { folder in
      let scenario = RawPath("\(folder.path)/recordings/").bytes + [0xe9]
      let masks = RawPath("\(folder.path)/iseg/").bytes + [0xe9]
      for (place, name) in [
        (scenario, Array("rgb-".utf8) + [0xff] + Array("-cam_3-mono-0.png".utf8)),
        (masks, Array("iseg-w=0-f=0-l=0-c=original-cam_3-mono-0.map".utf8)),
      ] {
        let inner = RawPath(bytes: place)
        try FileManager.default.createDirectory(
          atPath: String(decoding: place.dropLast(2), as: UTF8.self),
          withIntermediateDirectories: true)
        #expect(inner.withCString { mkdir($0, 0o755) } == 0)
        try folder.addImage("new.png", width: 8, height: 8, color: SIMD3(32, 5, 6))
        let moved = inner.appending(RawPath(bytes: name)).withCString {
          rename(folder.path + "/new.png", $0)
        }
        #expect(moved == 0)
      }
      for list in ["train", "eval", "test"] {
        try folder.addText("splits/default/\(list).txt", "")
        try Data([0x20, 0xe9, 13, 10]).write(
          to: folder.appending(path: "splits/default/\(list).txt"))
      }
      let data = try options.open(folder)
      #expect(data.name(0, of: .train).hasSuffix("/recordings/\\xE9/rgb-\\xFF-cam_3-mono-0.png"))
      #expect(try data.image(0, of: .test).pixels.prefix(3) == [32, 5, 6])
      #expect(try data.mask(0, of: .test)?.objectCount == 1)

      try Data(count: 5 << 20).write(to: folder.appending(path: "splits/default/eval.txt"))
      let large = #expect(throws: DatasetError.self) { try options.open(folder) }
      #expect(large?.description.contains("more than the 4194304") == true, "\(large as Any)")
    }
  }

  @Test("the instance segmentations of ShapeStacks, by scenario and camera")
  func shapeStacksMasks() throws {
    try withTemporaryFolder { folder in
      for scenario in ["s1", "s2"] {
        for camera in [3, 12] {
          for light in 0..<2 {
            try folder.addImage(
              "recordings/\(scenario)/rgb-w=\(light)-f=1-l=2-c=unique-cam_\(camera)-mono-0.png",
              width: 12, height: 12)
          }
        }
      }
      for list in ["train", "eval", "test"] {
        try folder.addText("splits/default/\(list).txt", list == "train" ? "s1\ns2\n" : "s1\n")
      }
      #expect(try options.open(folder).mask(0, of: .train) == nil)

      // Object n is 32 n in the red channel; alpha and the other channels mean nothing. The left half
      // of camera 3's map is object `scenario`, the lower half of camera 12's object 6.
      for (number, scenario) in ["s1", "s2"].enumerated() {
        var sides = Image(width: 12, height: 12, color: SIMD3(0, 70, 9))
        var below = sides
        for pixel in 0..<144 {
          if pixel % 12 < 6 { sides.pixels[3 * pixel] = UInt8(32 * (number + 1)) }
          if pixel >= 72 { below.pixels[3 * pixel] = 192 }
        }
        for (camera, map) in [(3, sides), (12, below)] {
          let name = "iseg/\(scenario)/iseg-w=0-f=0-l=0-c=original-cam_\(camera)-mono-0.map"
          try folder.addText(name, "")
          try map.write(to: folder.appending(path: name))
        }
      }
      let data = try options.open(folder)
      // Sorted by name: w=0 of cameras 12 and 3, then w=1.
      for position in 0..<8 {
        let name = data.name(position, of: .train)
        let mask = try #require(try data.mask(position, of: .train))
        #expect(mask.width == 8 && mask.objectCount == 1)
        let isOfCamera3 = position % 2 == 1
        #expect(name.contains(isOfCamera3 ? "cam_3-" : "cam_12-"))
        let expected = (0..<64).map { isOfCamera3 ? $0 % 8 < 4 : $0 >= 32 }
        #expect(mask.ids.map { $0 != 0 } == expected, "\(name)")
      }
      var cropped = options
      cropped.centerCrop = 8
      #expect(
        try cropped.open(folder).mask(0, of: .train)?.ids.map { $0 != 0 }
          == (0..<64).map { $0 >= 32 })
      #expect("\(DatasetSummary(of: data))".contains("; with masks"))

      try FileManager.default.removeItem(at: folder.appending(path: "iseg/s2"))
      let missing = #expect(throws: ImageError.self) { try data.mask(4, of: .train) }
      #expect(missing?.description.contains("iseg/s2/iseg-w=0") == true)
    }
  }

  @Test func summariesSayWhatWasFound() throws {
    try withTemporaryFolder { folder in
      for index in 0..<6 {
        try folder.addImage("\(index).png", width: 12, height: index < 4 ? 9 : 5)
      }
      try folder.addText("7.jpg", "no image")
      let summary = try DatasetSummary(of: folder, options: options)
      #expect(summary.counts == [.train: 4, .validation: 1, .test: 2])
      #expect(
        summary.fileSizes == [
          .init(width: 12, height: 9, files: 4), .init(width: 12, height: 5, files: 2),
        ])
      #expect(
        summary.description.hasPrefix(
          """
          image folder \(folder.path)
          train 4, validation 1, test 2 images
          12 x 9 pixels (4 of 7 looked at)
          12 x 5 pixels (2 of 7 looked at)
          unreadable: \(folder.path)/7.jpg: it is neither PNG nor JPEG
          """))
      let scenes = DatasetSummary(of: GeneratedScenes(imageSize: 8))
      #expect(
        scenes.description
          == "generated scenes (seed 0)\ntrain 10000, validation 500, test 500 images; with masks")
      var none = options
      none.limit = 0
      #expect(throws: DatasetError.self) { try none.open(folder) }
    }
  }
}

@Suite struct Shapes3DTests {
  private let file = Bundle.module.resourceURL?.appending(path: "Fixtures/shapes3d_tiny.h5")

  #if HDF5
    @Test func imagesAreReadByPart() throws {
      let file = try #require(file)
      #expect(try DatasetKind(at: file) == .shapes3D)
      let data = try Shapes3D(
        file, imageSize: 8, parts: [.train: 0..<4, .validation: 5..<7, .test: 7..<10])
      #expect(Split.allCases.map { data.count(of: $0) } == [4, 2, 3])
      // The file holds (31 image + 11 row + 5 column + 3 channel) mod 256.
      for (index, split, position) in [(3, Split.train, 3), (1, .validation, 6), (2, .test, 9)] {
        let image = try data.image(index, of: split)
        let expected = (0..<8).flatMap { y in
          (0..<8).flatMap { x in
            (0..<3).map { UInt8((31 * position + 11 * y + 5 * x + 3 * $0) % 256) }
          }
        }
        #expect(image.pixels == expected)
        #expect(data.name(index, of: split) == "\(file.path) image \(position)")
      }
    }

    @Test func whatDoesNotFitIsNamed() throws {
      let file = try #require(file)
      let short = #expect(throws: DatasetError.self) { try Shapes3D(file) }
      #expect(short?.description.contains("10 images") == true)
      try withTemporaryFolder { folder in
        try folder.addText("3dshapes.h5", "text")
        #expect(try DatasetKind(at: folder) == .shapes3D)
        let text = #expect(throws: DatasetError.self) { try Shapes3D(folder) }
        #expect(text?.description.contains("no HDF5 file") == true)
      }
    }

    @Test("nothing of a refused file stays in the library, which would complain at the end")
    func quietEnd() async throws {
      let folder = try TemporaryFolder()
      try folder.url.addText("3dshapes.h5", "text")
      let result = await #expect(
        processExitsWith: .success, observing: [\.standardErrorContent]
      ) { [path = folder.url.path as String] in
        // A thread that reads ahead, and is still there at the end of the process.
        await withCheckedContinuation { refused in
          Thread.detachNewThread {
            #expect(throws: DatasetError.self) { try Shapes3D(URL(filePath: path)) }
            refused.resume()
            sleep(60)
          }
        }
        exit(EXIT_SUCCESS)
      }
      withExtendedLifetime(folder) {}
      #expect(!errorText(result).contains("HDF5"))
    }

    @Test(
      "a file that leads the library to others is refused",
      arguments: [
        ("link", "it has no dataset 'images' of its own"),
        ("storage", "the images of its dataset 'images' are in other files"),
        ("virtual", "the images of its dataset 'images' are in other files"),
      ])
    func others(_ kind: String, _ reason: String) throws {
      try withTemporaryFolder { folder in
        // What they lead to is there.
        try FileManager.default.copyItem(
          at: #require(file), to: folder.appending(path: "3dshapes_other.h5"))
        let url = folder.appending(path: "3dshapes.h5")
        try FileManager.default.copyItem(
          at: #require(
            Bundle.module.resourceURL?.appending(path: "Fixtures/shapes3d_\(kind).h5")), to: url)
        let error = #expect(throws: DatasetError.self) {
          try Shapes3D(url, imageSize: 8, parts: [.train: 0..<4])
        }
        #expect(error?.path == url.path && error?.reason == reason, "\(error as Any)")
      }
    }

    @Test("the library says nothing of damage, whichever thread reads")
    func silent() async throws {
      let result = await #expect(
        processExitsWith: .success, observing: [\.standardErrorContent]
      ) {
        let fixture = try #require(
          Bundle.module.resourceURL?.appending(path: "Fixtures/shapes3d_tiny.h5"))
        var bytes = try Data(contentsOf: fixture)
        // The compressed images are there.
        bytes.replaceSubrange(5120..<7000, with: Data(count: 1880))
        let folder = try TemporaryFolder()
        let url = folder.url.appending(path: "3dshapes.h5")
        try bytes.write(to: url)
        let data = try Shapes3D(url, imageSize: 8, parts: [.train: 0..<4])
        await withCheckedContinuation { done in
          Thread.detachNewThread {
            let error = #expect(throws: DatasetError.self) { _ = try data.image(3, of: .train) }
            #expect(error?.reason == "image 3 cannot be read")
            done.resume()
          }
        }
      }
      #expect(!errorText(result).contains("HDF5"), "\(errorText(result))")
    }

    @Test("an extent that no signed number holds")
    func hugeExtents() throws {
      let whole = try Data(contentsOf: try #require(file))
      let extents = [10, 8, 8, 3].flatMap { [$0] + [UInt8](repeating: 0, count: 7) }
      let place = try #require(whole.firstRange(of: Data(extents)))
      try withTemporaryFolder { folder in
        for axis in 0..<3 {
          var bytes = whole
          let start = place.lowerBound + 8 * axis
          bytes.replaceSubrange(start..<start + 8, with: [UInt8](repeating: 0xff, count: 8))
          let url = folder.appending(path: "3dshapes.h5")
          try bytes.write(to: url)
          let error = #expect(throws: DatasetError.self) { try Shapes3D(url) }
          #expect(error?.path == url.path)
        }
      }
    }
  #else
    @Test func withoutTheTraitTheErrorSaysHowToEnableIt() throws {
      let file = try #require(file)
      let error = #expect(throws: DatasetError.self) { try Shapes3D(file) }
      #expect(error?.description.contains("--traits HDF5") == true)
      #expect(error?.description.contains("shapes3d_tiny.h5") == true)
    }
  #endif

  @Test("a FIFO is not opened, whether HDF5 is built in or not", .timeLimit(.minutes(1)))
  func aPipe() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "3dshapes.h5")
      #expect(mkfifo(url.path, 0o600) == 0)
      let error = #expect(throws: DatasetError.self) { try Shapes3D(url) }
      #expect(error?.description.contains("it is a FIFO, not a file") == true, "\(error as Any)")
    }
  }

  @Test func aMissingFileIsNamed() {
    let error = #expect(throws: DatasetError.self) { try Shapes3D(URL(filePath: "/nowhere/3d.h5")) }
    #expect(error?.description.contains("/nowhere/3d.h5") == true)
  }
}
