import Foundation
import ObjectCentric
import Tensors
import Testing
import Training

@testable import slate

/// Damaged configurations give errors, or make sense after all; none stops the program.
///
/// A mutation replaces, removes or inserts bytes, or puts another value after a colon.
@Suite struct FuzzTests {
  private static let words = [
    "-1", "0", "1", "2", "7", "0.5", "\"exact\"", "true", "1e999", "99999999999999999999",
    "9223372036854775807", "3000000", "1e-320", "null", "{}", "[]", "\"\"", "NaN", "\u{0}", "\\",
  ]

  private func mutated(_ text: String, _ generator: inout Philox) -> Data {
    var bytes = Array(text.utf8)
    func position() -> Int { Int(generator.next() % UInt64(bytes.count)) }
    for _ in 0..<(1 + generator.next() % 2) where !bytes.isEmpty {
      let start = position()
      let word = Self.words[Int(generator.next() % UInt64(Self.words.count))]
      switch generator.next() % 8 {
      case 0: bytes[start] = UInt8(truncatingIfNeeded: generator.next())
      case 1: bytes.removeSubrange(start..<min(bytes.count, start + 1 + position() % 9))
      case 2: bytes.insert(contentsOf: word.utf8, at: start)
      case 3: bytes.removeSubrange(start...)
      default:
        guard let colon = bytes[start...].firstIndex(of: UInt8(ascii: ":")) else { continue }
        let ends = [",", "}", "\n"].map { UInt8(ascii: $0) }
        let end = bytes[colon...].firstIndex { ends.contains($0) } ?? bytes.endIndex
        bytes.replaceSubrange(colon + 1..<end, with: word.utf8)
      }
    }
    return Data(bytes)
  }

  @Test func configurations() throws {
    var generator = Philox(seed: 11)
    let preset = Preset.quickstart.configuration
    let text = try preset.json()
    var (refused, changed) = (0, 0)
    for _ in 0..<500 {
      let data = mutated(text, &generator)
      do {
        let read = try preset.replacing(withJSON: data, path: "config.json")
        #expect(try read.validated() == read)
        changed += read == preset ? 0 : 1
      } catch let error as RunError {
        #expect(error.description.hasPrefix("config.json: "))
        refused += 1
      } catch is ConfigurationError {
        refused += 1
      }
    }
    #expect(refused > 100 && changed > 10, "\(refused) refused, \(changed) changed")
  }

  @Test func checkpoints() throws {
    var configuration = Preset.quickstart.configuration
    configuration.imageSize = 16
    configuration.patience = 2
    var generator = Philox(seed: 12)
    let model = SLATE(configuration.model, using: &generator)
    let state = RunState(
      progress: .init(plateau: PlateauDecay(patience: 2)), configuration: configuration,
      data: DataSource(), fingerprint: "0123456789abcdef")
    let text = try #require(try state.metadata["run"])
    let folder = RunFolder(url: URL(filePath: "a-run"))
    var (refused, resumed) = (0, 0)
    for _ in 0..<500 {
      let checkpoint = Checkpoint(
        of: model,
        metadata: [
          "run": String(decoding: mutated(text, &generator), as: UTF8.self),
          "optimizer.step": generator.next() % 8 == 0
            ? Self.words[Int(generator.next() % UInt64(Self.words.count))] : "1",
        ])
      do {
        let loaded = try LoadedRun(checkpoint, in: folder)
        let configuration = loaded.state.configuration
        let data = GeneratedScenes(imageSize: configuration.imageSize, training: 8, held: 1)
        let loader = BatchLoader(data, batchSize: 4, seed: configuration.seed, dropsLast: true)
        _ = try Trainer(resuming: loaded, configuration: configuration, loader: loader)
        resumed += 1
      } catch let error as RunError {
        #expect(error.description.contains(folder.checkpoint.path))
        refused += 1
      } catch is SafetensorsError {
        refused += 1
      }
    }
    #expect(refused > 100 && resumed > 10, "\(refused) refused, \(resumed) resumed")
  }
}
