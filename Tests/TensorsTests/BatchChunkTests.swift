import Synchronization
import Tensors
import TestSupport
import Testing

/// Sums over a batch that workers go through in chunks.
@Suite(.serialized) struct BatchChunkTests {
  @Test("every sample once and in order, in chunks that differ by at most one")
  func ranges() {
    let before = Workers.count
    defer { Workers.count = before }
    for workers in 1...4 {
      Workers.count = workers
      for (total, chunk) in [(32, 2), (7, 3), (5, 1), (3, 8), (1, 1), (0, 4), (29, 6)] {
        let shares = Workers.reduceRanges(of: total, inChunksOf: chunk, into: [Range<Int>]()) {
          $0.append($1)
        }
        #expect(shares.count == min(workers, total))
        #expect(shares.joined().flatMap { Array($0) } == Array(0..<total))
        for share in shares {
          let lengths = share.map(\.count)
          #expect((lengths.max() ?? 0) <= chunk)
          #expect((lengths.max() ?? 0) - (lengths.min() ?? 0) <= 1)
        }
      }
    }
  }

  struct ChunkFailure: Error, Equatable { let first: Int }

  @Test("the first failing share's error is thrown, and its later chunks are left out")
  func failure() {
    let before = Workers.count
    defer { Workers.count = before }
    Workers.count = 2
    let seen = Mutex<[Int]>([])
    #expect(throws: ChunkFailure(first: 2)) {
      _ = try Workers.reduceRanges(of: 12, inChunksOf: 2, into: 0) {
        sum, range throws(ChunkFailure) in
        seen.withLock { $0.append(range.lowerBound) }
        if range.lowerBound == 2 || range.lowerBound == 10 {
          throw ChunkFailure(first: range.lowerBound)
        }
        sum += range.count
      }
    }
    #expect(seen.withLock { $0.sorted() } == [0, 2, 6, 8, 10])
  }

  @Test("gradients added chunk by chunk are those of the whole, also of what is reached twice")
  func gradientsOfChunks() throws {
    let before = Workers.count
    defer { Workers.count = before }
    let weight = testTensor([5, 3], seed: 1).variable()
    let shift = testTensor([5], seed: 2).variable()
    let batch = testTensor([9, 3], seed: 3)
    @Sendable func loss(_ range: Range<Int>) -> Tensor {
      // The gradient of `shift` arrives as the cotangent itself, which others share.
      let y = batch.slice(range).linear(weight)
      return (y.tanh() + shift).square().sum() + shift.sum()
    }
    let whole = try gradients(of: loss(0..<9))
    for (workers, chunk) in [(1, 1), (1, 4), (2, 2), (3, 2)] {
      Workers.count = workers
      let shares = try Workers.reduceRanges(of: 9, inChunksOf: chunk, into: Gradients()) {
        try $0.add(gradientsOf: loss($1))
      }
      var table = Gradients()
      for share in shares { table.add(share) }
      let chunks = shares.count == 1 ? (9 + chunk - 1) / chunk : 0
      for variable in [weight, shift] {
        let (found, expected) = (try #require(table[variable]), try #require(whole[variable]))
        // `shift` stands in every chunk's loss once more.
        #expect(found.shape == expected.shape)
        if variable.shape == weight.shape {
          #expect(difference(found, expected, absolute: 1e-12) == nil, "\(workers), \(chunk)")
        } else if chunks > 0 {
          #expect(difference(found, expected + Double(chunks - 1), absolute: 1e-12) == nil)
        }
      }
    }
  }

  @Test("adding to a table leaves gradients that somebody else holds as they are")
  func heldGradients() throws {
    let x = Tensor([1, 2], shape: [2], dtype: .float64).variable()
    var table = Gradients()
    try table.add(gradientsOf: (x * 3).sum())
    let first = try #require(table[x])
    try table.add(gradientsOf: x.square().sum())
    #expect(first.scalars == [3, 3])
    #expect(table[x]?.scalars == [5, 7])
  }

  @Test("memory is that of a chunk, not of the batch")
  func memory() async {
    await #expect(processExitsWith: .success) {
      Workers.count = 1
      let weight = Tensor.ones([64, 64]).variable()
      func peak(_ batch: Int) throws -> Int {
        let images = Tensor.ones([batch, 100, 64])
        TensorMemory.resetPeak()
        let before = TensorMemory.liveBytes
        _ = try Workers.reduceRanges(of: batch, inChunksOf: 2, into: Gradients()) { sum, range in
          var x = images.slice(range)
          for _ in 0..<5 { x = x.linear(weight).tanh() }
          try sum.add(gradientsOf: x.sum())
        }
        return TensorMemory.peakBytes - before
      }
      let small = try peak(4)
      #expect(try peak(40) == small)
    }
  }
}
