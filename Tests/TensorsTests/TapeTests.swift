import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct TapeTests {
  @Test func capturedVariablesGetGradients() throws {
    let w = Tensor(3, dtype: .float64).variable()
    let square = { (x: Tensor) in x * w }
    let table = try gradients(of: square(Tensor(5, dtype: .float64)))
    #expect(table[w]?.scalar == 5)
    #expect(table.count == 1)
  }

  @Test func nothingIsRecordedWithout() throws {
    let w = Tensor(3, dtype: .float64).variable()
    #expect(!withoutRecording { w * w }.isRecorded)
    #expect((w * w).isRecorded)
    #expect(!(w.detached() * w.detached()).isRecorded)
  }

  @Test func recordingComesBackAfterAnError() {
    struct Failure: Error {}
    #expect(throws: Failure.self) { try withoutRecording { throw Failure() } }
    #expect(isRecording)
  }

  @Test func aSharedOperandSumsItsCotangents() throws {
    let x = Tensor([1, 2, 3], shape: [3], dtype: .float64).variable()
    let y = x * 2
    let table = try gradients(of: (y + y * y + y).sum())
    #expect(try #require(table[x]).scalars == [12, 20, 28])
  }

  @Test func aPullbackCanBeCalledManyTimes() throws {
    let w = testTensor([3, 3]).variable()
    let x = testTensor([2, 3], seed: 4)
    let (value, pullback) = valueWithPullback(at: x) { $0.matmul(w) }
    #expect(value.isRecorded)
    for seed in 1...3 {
      let v = testTensor([2, 3], seed: seed)
      let expected = v.matmul(w.detached(), transposingOther: true)
      #expect(try difference(pullback(v), expected, absolute: 1e-14) == nil)
    }
    // The value still leads to what the function captured.
    #expect(try gradients(of: value.sum())[w] != nil)
  }

  @Test func aPullbackOfAConstantIsZero() throws {
    let (_, pullback) = valueWithPullback(at: testTensor([2, 3])) { _ in testTensor([4]) }
    #expect(try pullback(testTensor([4])).scalars == [0, 0, 0, 0, 0, 0])
  }

  @Test func aTransformedCotangentReplacesTheOld() throws {
    let x = Tensor([1, 2], shape: [2], dtype: .float64).variable()
    let y = (x * 3).transformingCotangent { $0 * 10 }
    #expect(y.scalars == [3, 6])
    #expect(try #require(gradients(of: y.sum())[x]).scalars == [30, 30])
  }

  @Test func gradientsOfPartsOfABatchAddUp() throws {
    let w = testTensor([3, 2]).variable()
    let x = testTensor([4, 3], seed: 2)
    let whole = try gradients(of: x.matmul(w).square().sum())
    var sum = try gradients(of: x.slice(0..<1).matmul(w).square().sum())
    sum.add(try gradients(of: x.slice(1..<4).matmul(w).square().sum()))
    #expect(
      try difference(#require(sum[w]), #require(whole[w]), absolute: 1e-14) == nil)
  }

  @Test func operatorsMayHaveAnyNumberOfInputs() throws {
    let parts = (0..<200).map { Tensor([Double($0)], shape: [1], dtype: .float64).variable() }
    let table = try gradients(of: Tensor.concatenated(parts).square().sum())
    for (index, part) in parts.enumerated() { #expect(table[part]?.scalars == [2 * Double(index)]) }
  }

  @Test func anErrorInARuleReachesTheCaller() {
    struct Failure: Error {}
    let x = Tensor(1).variable()
    #expect(throws: Failure.self) {
      try gradients(of: x.transformingCotangent { _ in throw Failure() })
    }
    #expect(isRecording)
  }

  @Test func threadsDifferentiateTheSameVariables() throws {
    let w = testTensor([8, 8]).variable()
    let expected = try #require(gradients(of: w.tanh().sum())[w])
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<50 {
        let gradient = try? gradients(of: w.tanh().sum())[w]
        #expect(gradient?.scalars == expected.scalars)
      }
    }
  }
}
