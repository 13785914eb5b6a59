import Foundation
import Tensors
import Testing

/// Every input that fuzzing began from or once found something with, and what is near it.
///
/// The search itself is `make fuzz`; what it finds is added to the folder `Corpus`.
@Suite(.serialized) struct CorpusTests {
  /// The corpus of a parser, in the order of the names.
  private func corpus(_ parser: FuzzedParser) throws -> [(name: String, bytes: [UInt8])] {
    let folder = try #require(Bundle.module.resourceURL)
      .appending(path: "Corpus/\(parser.rawValue)")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
      ($0, [UInt8](try Data(contentsOf: folder.appending(path: $0))))
    }
  }

  @Test(
    "each input is read or refused, and so is what is near it", arguments: FuzzedParser.allCases)
  func corpus(of parser: FuzzedParser) throws {
    let inputs = try corpus(parser)
    let accepted = inputs.map { parser.read($0.bytes) }
    // Where nothing were accepted, nothing behind the first check would be tried.
    #expect(accepted.contains(true))
    var generator = Philox(seed: 17)
    func random(_ bound: Int) -> Int { Int(generator.next() % UInt64(max(1, bound))) }
    let rounds = parser == .run ? 2 : 20
    for input in inputs {
      for _ in 0..<rounds {
        var changed = input.bytes
        for _ in 0...random(3) where !changed.isEmpty {
          switch random(4) {
          case 0: changed[random(changed.count)] = UInt8(random(256))
          case 1: changed.remove(at: random(changed.count))
          case 2: changed.insert(UInt8(random(256)), at: random(changed.count + 1))
          default: changed.removeLast(min(changed.count, 1 + random(9)))
          }
        }
        parser.read(changed)
      }
    }
  }
}
