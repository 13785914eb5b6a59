import Foundation
import ObjectCentric
import Tensors
import Testing

@Suite struct RegionShareTests {
  /// Attention to one picture: the slot of each token has this weight, two others share the rest.
  private func picture(_ owners: [Int], weight: Double = 1) -> [Double] {
    (0..<3).flatMap { slot in
      owners.map { $0 == slot ? weight : (1 - weight) / 2 }
    }
  }

  private func share(_ pictures: [[Double]]) -> RegionShare {
    RegionShare(
      ofAttention: Tensor(
        pictures.flatMap { $0 }, shape: [pictures.count, 3, pictures[0].count / 3],
        dtype: .float64))
  }

  @Test("slots that are regions", arguments: [1, 0.8])
  func regions(weight: Double) throws {
    let value = share(Array(repeating: picture([0, 0, 1, 2], weight: weight), count: 5)).value
    #expect(abs(try #require(value) - 1) < 1e-12)
  }

  @Test("slots that are everywhere equally often")
  func objects() throws {
    let owners = [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    #expect(try abs(#require(share(owners.map { picture($0) }).value)) < 1e-12)
  }

  @Test("between both, and in parts: places say log 2 of the 1.5 log 2 that attention says")
  func between() throws {
    // Slot 0 has the first half of every picture; slots 1 and 2 have the other half in turn.
    let pictures = [picture([0, 0, 1, 1]), picture([0, 0, 2, 2])]
    let whole = share(pictures)
    #expect(try abs(#require(whole.value) - 2.0 / 3) < 1e-12)
    var sum = share([pictures[0]])
    sum.add(share([pictures[1]]))
    #expect(sum == whole)
    #expect(RegionShare(numbers: whole.numbers, slots: 3) == whole)
  }

  @Test("weights need not sum to 1, and attention that says nothing has no share")
  func scales() throws {
    // Token t has t + 1 times the weight.
    let scaled = share(
      [picture([0, 0, 1, 1]), picture([0, 0, 2, 2])].map { weights in
        weights.enumerated().map { $1 * Double($0 % 4 + 1) }
      })
    #expect(try abs(#require(scaled.value) - 2.0 / 3) < 1e-12)
    #expect(share([[Double](repeating: 1, count: 12)]).value == nil)
  }
}
