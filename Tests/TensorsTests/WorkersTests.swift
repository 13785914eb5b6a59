import Tensors
import Testing

@Suite(.serialized) struct WorkersTests {
  struct PartFailure: Error, Equatable {
    let part: Int
  }

  @Test("results come back in order of the parts, more of them than threads")
  func order() {
    #expect(Workers.map(37) { $0 * $0 } == (0..<37).map { $0 * $0 })
    #expect(Workers.map(0) { $0 } == [])
  }

  @Test("many rounds of short work neither hang nor lose a part")
  func rounds() {
    for round in 0..<5000 {
      #expect(Workers.map(2) { $0 + round } == [round, round + 1])
    }
  }

  @Test("parts inherit the caller's recording flag")
  func recordingFlag() {
    #expect(Workers.map(5) { _ in isRecording } == Array(repeating: true, count: 5))
    withoutRecording {
      #expect(Workers.map(5) { _ in isRecording } == Array(repeating: false, count: 5))
    }
    #expect(Workers.map(5) { _ in isRecording } == Array(repeating: true, count: 5))
  }

  @Test("the first failing part's error is thrown")
  func failure() {
    #expect(throws: PartFailure(part: 2)) {
      _ = try Workers.map(6) { part throws(PartFailure) -> Int in
        if part >= 2 { throw PartFailure(part: part) }
        return part
      }
    }
  }

  @Test("a part may split its own work")
  func nesting() {
    let sums = Workers.map(3) { outer in Workers.map(4) { outer * 10 + $0 }.reduce(0, +) }
    #expect(sums == [6, 46, 86])
  }

  @Test("gradients of parts of a batch add up to those of the whole, with the same bits each time")
  func gradientsOfParts() throws {
    var generator = Philox(seed: 3)
    let weight = Tensor.normal([5, 3], dtype: .float64, using: &generator).variable()
    let batch = Tensor.normal([8, 3], dtype: .float64, using: &generator)
    @Sendable func table(_ range: Range<Int>) throws -> Gradients {
      try gradients(of: batch.slice(range).linear(weight).tanh().square().sum())
    }
    func split() throws -> Tensor {
      let parts = try Workers.map(3) { try table($0 * 8 / 3..<($0 + 1) * 8 / 3) }
      var total = Gradients()
      for part in parts { total.add(part) }
      return try #require(total[weight])
    }
    let whole = try #require(try table(0..<8)[weight])
    let first = try split()
    for (a, b) in zip(first.scalars, whole.scalars) { #expect(abs(a - b) < 1e-13) }
    for _ in 0..<20 { #expect(try split().scalars == first.scalars) }
  }
}
