import Foundation
import Images
import TestFolders
import Testing

@testable import ObjectCentric

/// Every kind of data set is recognised, opened, and described in Docs/Reference/DataLayouts.md.
///
/// A new kind does not compile here before it has a folder, and fails before it is recognised, opened
/// and documented.
@Suite struct DatasetKindTests {
  /// Makes the smallest folder of a kind; what of its images may be read.
  private func make(_ kind: DatasetKind, _ folder: URL) throws -> [Split] {
    switch kind {
    case .imageFolder:
      for name in 0..<8 { try folder.addImage("\(name).png") }
      return Split.allCases
    case .clevr:
      for part in ["train", "val", "test"] { try folder.addImage("images/\(part)/a.png") }
      return Split.allCases
    case .shapeStacks:
      try folder.addImage("recordings/s/rgb-a-mono-0.png")
      for list in ["train", "eval", "test"] {
        try folder.addText("splits/default/\(list).txt", "s")
      }
      return Split.allCases
    case .coco:
      for part in ["train2017", "val2017", "test2017"] { try folder.addImage("\(part)/a.png") }
      return Split.allCases
    case .shapes3D:
      // A file of 480,000 images; `Shapes3DTests` reads a small one.
      try folder.addText("3dshapes.h5", "")
      return []
    }
  }

  @Test(arguments: DatasetKind.allCases)
  func aFolderOfTheKindIsRecognisedAndRead(kind: DatasetKind) throws {
    try withTemporaryFolder { folder in
      let parts = try make(kind, folder)
      #expect(try DatasetKind(at: folder) == kind)
      guard !parts.isEmpty else { return }
      let data = try DatasetOptions(imageSize: 8).open(folder)
      for part in parts {
        #expect(data.count(of: part) > 0, "\(part)")
        #expect(try data.image(0, of: part).width == 8)
        #expect(try data.mask(0, of: part) == nil)
        #expect(data.name(0, of: part).hasPrefix(folder.path))
      }
      #expect(data.description.hasPrefix(kind.rawValue))
    }
  }

  @Test(arguments: DatasetKind.allCases)
  func theReferenceHasARow(kind: DatasetKind) throws {
    let page = URL(filePath: #filePath).appending(path: "../../../../Docs/Reference/DataLayouts.md")
    let rows = try String(contentsOf: page.standardized, encoding: .utf8).split(separator: "\n")
    #expect(
      rows.contains { $0.hasPrefix("| \(kind.rawValue) |") }, "DataLayouts.md: \(kind.rawValue)")
  }
}
