import Synchronization
import Tensors
import TestSupport
import Testing

/// Sums over a batch that workers go through in chunks.
@Suite struct BatchChunkTests {
  @Test("every sample once and in order, in chunks that differ by at most one")
  func ranges() async {
    await #expect(processExitsWith: .success) {
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
  }

  struct ChunkFailure: Error, Equatable { let first: Int }

  @Test("the first failing share's error is thrown, and its later chunks are left out")
  func failure() async {
    await #expect(processExitsWith: .success) {
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
  }

  @Test("a chunk of a share knows that it is one, also where it is divided further")
  func dividedShares() async {
    await #expect(processExitsWith: .success) {
      @Sendable func answers(_ total: Int, _ chunk: Int) -> [[Bool]] {
        Workers.reduceRanges(of: total, inChunksOf: chunk, into: [Bool]()) { sum, _ in
          sum.append(Workers.isDividingShares)
        }
      }
      for workers in 1...2 {
        Workers.count = workers
        #expect(answers(4, 4).joined().allSatisfy { !$0 })
        #expect(answers(8, 1).joined().count == 8 && answers(8, 1).joined().allSatisfy { $0 })
        let nested = Workers.reduceRanges(of: 8, inChunksOf: 2, into: [Bool]()) { sum, _ in
          sum += answers(1, 1).joined()
          sum += Workers.map(3) { _ in Workers.isDividingShares }
        }
        #expect(nested.joined().count == 16 && nested.joined().allSatisfy { $0 })
        #expect(!Workers.isDividingShares)
      }
    }
  }

  @Test("gradients added chunk by chunk are those of the whole, also of what is reached twice")
  func gradientsOfChunks() async {
    await #expect(processExitsWith: .success) {
      let weight = testTensor([5, 3], seed: 1).variable()
      let shift = testTensor([5], seed: 2).variable()
      let a = testTensor([5], seed: 4).variable()
      let b = testTensor([5], seed: 5).variable()
      let batch = testTensor([9, 3], seed: 3)
      @Sendable func loss(_ range: Range<Int>) -> Tensor {
        let y = (batch.slice(range).linear(weight).tanh() + shift).square().sum()
        // The gradients of `a` and `b` are one tensor, and that of `shift` arrives in two parts.
        return y + shift.sum() + (a + b).sum()
      }
      let whole = try gradients(of: loss(0..<9))
      for (workers, chunk) in [(1, 1), (1, 4), (2, 2), (3, 2)] {
        Workers.count = workers
        let shares = try Workers.reduceRanges(
          of: 9, inChunksOf: chunk, into: (table: Gradients(), chunks: 0)
        ) { sum, range in
          try sum.table.add(gradientsOf: loss(range))
          sum.chunks += 1
        }
        var table = Gradients()
        for share in shares { table.add(share.table) }
        let chunks = shares.reduce(0) { $0 + $1.chunks }
        // What no sample is part of stands in the loss of every chunk once more.
        let extra = Double(chunks - 1)
        for (variable, more) in [(weight, 0.0), (shift, extra), (a, extra), (b, extra)] {
          let found = try #require(table[variable])
          let expected = try #require(whole[variable]) + more
          #expect(found.shape == expected.shape)
          #expect(difference(found, expected, absolute: 1e-12) == nil, "\(workers), \(chunk)")
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

  @Test("adding to a recorded gradient leaves it recorded")
  func recordedGradients() throws {
    let x = Tensor([1, -2], shape: [2], dtype: .float64).variable()
    func cube() -> Tensor { (x.square() * x).sum() }
    var table = try gradients(of: cube(), creatingGraph: true)
    try table.add(gradientsOf: x.square().sum())
    var twoSteps = try gradients(of: cube(), creatingGraph: true)
    twoSteps.add(try gradients(of: x.square().sum()))
    // (3 x^2 + 2 x)^2, where 2 x counts as a constant.
    for sum in [try #require(table[x]), try #require(twoSteps[x])] {
      #expect(sum.scalars == [5, 8])
      #expect(try gradients(of: sum.square().sum())[x]?.scalars == [60, -192])
    }
    let loss = x.square().sum()
    try withoutRecording { try table.add(gradientsOf: loss) }
    #expect(table[x]?.scalars == [7, 4])
    #expect(table[x]?.isRecorded == false)
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
