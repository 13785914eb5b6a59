import Foundation
import TestFolders
import Testing

@testable import Training

@Suite struct EventFileTests {
  @Test func theChecksumsCheckValue() {
    #expect(CRC32C(Data("123456789".utf8)).value == 0xe306_9283)
    #expect(CRC32C(Data()).value == 0)
    // RFC 3720, B.4: 32 bytes of zeros.
    #expect(CRC32C(Data(count: 32)).value == 0x8a91_36aa)
    // Rotated right by 15 bits, plus a constant, modulo 2^32.
    #expect(CRC32C(Data(count: 32)).masked == 0x0fd7_fffa)
  }

  private typealias Field = EventRecords.Field

  @Test func whatIsReadIsWhatWasWritten() throws {
    try withTemporaryFolder { folder in
      let before = Date.now.timeIntervalSince1970
      let events = try EventFile(inFolder: folder)
      try events.append(scalars: [("TRAIN/loss", 812.5), ("TRAIN/tau", -0.1)], step: 3)
      try events.append(
        image: Data([1, 2, 3]), width: 640, height: 48, tag: "VAL_recon/epoch=001", step: 1 << 40)
      let records = try EventRecords.read(events.url)
      #expect(records.count == 3)
      for record in records {
        guard case .eight(let bits)? = record[1]?.first else {
          Issue.record("no time")
          continue
        }
        #expect((before...before + 60).contains(Double(bitPattern: bits)))
      }
      #expect(records[0][3] == [.bytes(Data("brain.Event:2".utf8))])
      #expect(records[0][2] == nil)

      #expect(records[1][2] == [.integer(3)])
      let values = try #require(records[1][5]?.first).message[1] ?? []
      #expect(
        try values.map { try $0.message[1] } == [
          [.bytes(Data("TRAIN/loss".utf8))], [.bytes(Data("TRAIN/tau".utf8))],
        ])
      #expect(
        try values.map { try $0.message[2] } == [
          [.four(Float(812.5).bitPattern)], [.four(Float(-0.1).bitPattern)],
        ])

      #expect(records[2][2] == [.integer(1 << 40)])
      let summary = try #require(records[2][5]?.first).message
      let value = try #require(summary[1]?.first).message
      #expect(value[1] == [.bytes(Data("VAL_recon/epoch=001".utf8))])
      let image = try #require(value[4]?.first).message
      let expected: [Int: [Field]] = [
        1: [.integer(48)], 2: [.integer(640)], 3: [.integer(3)], 4: [.bytes(Data([1, 2, 3]))],
      ]
      #expect(image == expected)
    }
  }

  @Test func filesOfOneFolderHaveDifferentNames() throws {
    try withTemporaryFolder { folder in
      let first = try EventFile(inFolder: folder)
      let second = try EventFile(inFolder: folder, resumingAt: 7)
      #expect(first.url != second.url)
      #expect(first.url.lastPathComponent.hasPrefix("events.out.tfevents."))
      let records = try EventRecords.read(second.url)
      #expect(records.count == 2)
      #expect(records[1][2] == [.integer(7)])
      #expect(try records[1][7]?.first?.message == [1: [.integer(1)]])
    }
  }

  @Test func aFolderThatDoesNotExist() throws {
    let error = try #require(throws: LogError.self) {
      try EventFile(inFolder: URL(filePath: "/nonexistent"))
    }
    #expect(error.description.hasPrefix("/nonexistent/events.out.tfevents."))
  }

  /// TensorBoard's own reader, where Python has it: `TENSORBOARD_PYTHON`, or python3 on the path.
  @Test(.enabled(if: Python.hasTensorBoard, "no Python with the package tensorboard was found"))
  func tensorBoardReadsTheFile() throws {
    try withTemporaryFolder { folder in
      let first = try EventFile(inFolder: folder)
      for step in 1...5 { try first.append(scalars: [("TRAIN/loss", Double(step))], step: step) }
      let png = Data([0x89, 0x50, 0x4e, 0x47])
      try first.append(image: png, width: 6, height: 4, tag: "VAL_recon/epoch=001", step: 2)
      // The run is resumed from step 3: what it said of steps 4 and 5 is replaced.
      let second = try EventFile(inFolder: folder, resumingAt: 4)
      try second.append(scalars: [("TRAIN/loss", 40)], step: 4)
      let output = try Python.run(
        """
        import sys
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        events = EventAccumulator(sys.argv[1], size_guidance={"images": 0})
        events.Reload()
        print([(e.step, e.value) for e in events.Scalars("TRAIN/loss")])
        image = events.Images("VAL_recon/epoch=001")[0]
        print(image.step, image.width, image.height, image.encoded_image_string.hex())
        """, folder.path)
      #expect(
        output.split(separator: "\n") == [
          "[(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]", "2 6 4 89504e47",
        ])
    }
  }
}
