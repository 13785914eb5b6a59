import Foundation
import Tensors
import TestFolders
import Testing

/// Whole numbers, flags, literals, and tensors as values and as text.
@Suite struct DiscreteTensorTests {
  @Test func literals() {
    let matrix: Tensor = [[1, 2.5], [-3, 4]]
    #expect(matrix.shape == [2, 2] && matrix.dtype == .float32)
    #expect(matrix.scalars == [1, 2.5, -3, 4])
    #expect(Tensor([[1, 2]], dtype: .float64).dtype == .float64)
    #expect(Tensor([0.5, 2]).shape == [2])
    #expect(Tensor(stride(from: 0, to: 1, by: 0.25)).scalars == [0, 0.25, 0.5, 0.75])
    #expect(Tensor([Float(1), 2]).scalars == [1, 2])
    let flags: BoolTensor = [[true], [false]]
    #expect(flags.shape == [2, 1] && flags.scalars == [true, false])
    #expect(IntTensor(2..<5) == [2, 3, 4])
    #expect(([] as Tensor).shape == [0])
  }

  @Test func comparisons() {
    let (x, y): (Tensor, Tensor) = ([[1, 2, 3]], [[2], [3]])
    #expect((x .< y) == [[true, false, false], [true, true, false]])
    #expect((x .<= y) == [[true, true, false], [true, true, true]])
    #expect((x .> y) == [[false, false, true], [false, false, false]])
    #expect((x .>= y) == [[false, true, true], [false, false, true]])
    #expect((x .== y) == [[false, true, false], [false, false, true]])
    #expect((x .!= y) == [[true, false, true], [true, true, false]])
    #expect((x .> 1) == [[false, true, true]])
    let odd = Tensor([Double.nan, .infinity, -1, 0])
    #expect(odd.isNaN == [true, false, false, false])
    #expect(odd.isFinite == [false, false, true, true])
    #expect((odd .== odd) == [false, true, true, true])
    #expect((odd .< 0) == [false, false, true, false])
    #expect((Tensor.zeros([0, 2]) .< 1).shape == [0, 2])
  }

  @Test func flags() {
    let (a, b): (BoolTensor, BoolTensor) = ([[true, true], [false, false]], [true, false])
    #expect((a .& b) == [[true, false], [false, false]])
    #expect((a .| b) == [[true, true], [true, false]])
    #expect((a .^ b) == [[false, true], [true, false]])
    #expect(.!b == [false, true])
    #expect(a.any && !a.all && a.trueCount == 2)
    #expect(a.any(alongAxis: 1) == [true, false])
    #expect(a.all(alongAxis: 0) == [false, false])
    #expect(a.trueCount(alongAxis: 0) == [1, 1])
    #expect(a.positions == [[0, 0], [0, 1]])
    #expect(a.converted(to: .float64).sum().scalar == 2)
    #expect(a.asIntegers == [[1, 1], [0, 0]])
  }

  @Test func wholeNumbers() {
    let (n, m): (IntTensor, IntTensor) = ([[1, -7], [3, 4]], [2, 3])
    #expect(n + m == [[3, -4], [5, 7]])
    #expect(n * m - 1 == [[1, -22], [5, 11]])
    #expect(n.flooredQuotient(by: 2) == [[0, -4], [1, 2]])
    #expect(n.remainder(by: 2) == [[1, 1], [1, 0]])
    #expect((n .> m) == [[false, false], [true, true]])
    #expect((n .== 3) == [[false, false], [true, false]])
    #expect(IntTensor(truncating: Tensor([1.7, -1.7, 4])) == [1, -1, 4])
    #expect(m.oneHot(classes: 4).scalars == [0, 0, 1, 0, 0, 0, 0, 1])
    #expect(IntTensor.stacked([m, m + 1], alongAxis: 1) == [[2, 3], [3, 4]])
    #expect(n.transposed() == [[1, 3], [-7, 4]])
    #expect(n.permuted([1, 0]).flattened() == [1, 3, -7, 4])
    #expect(n.flipped(alongAxis: 0)[0] == [3, 4])
    #expect(m.expandedDimensions(at: -1).squeezed(axis: 1) == m)
  }

  @Test func mistakesStop() async {
    let overflow = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = IntTensor(2_000_000_000) + 2_000_000_000 }
    #expect(errorText(overflow).contains("4000000000"))
    let ragged = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = [[1, 2], [3]] as Tensor }
    #expect(errorText(ragged).contains("[2] and [1]"))
    let noClass = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = ([3] as IntTensor).oneHot(classes: 3) }
    #expect(errorText(noClass).contains("class 3"))
    let targets = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3, 5]).crossEntropy(targets: .full(0, [3, 2])) }
    #expect(errorText(targets).contains("[3, 2]"))
  }

  @Test func valuesAreComparedElementByElement() {
    let x: Tensor = [1, 2]
    #expect(x == x.variable())
    #expect(x != x + 1)
    #expect(x != x.converted(to: .float64))
    #expect(x != [[1, 2]])
    #expect(Tensor([Double.nan]) != Tensor([Double.nan]))
    #expect([x, x + 1].firstIndex(of: [2, 3]) == 1)
  }

  @Test func everythingIsCoded() throws {
    let x = Tensor([0.1, 1 / 3.0, -2e30], dtype: .float32)
    #expect(try roundTrip(x) == x)
    let y = Tensor([0.1, 1 / 3.0, .leastNonzeroMagnitude], shape: [3, 1], dtype: .float64)
    #expect(try roundTrip(y) == y)
    #expect(try roundTrip(Tensor.zeros([0, 2])).shape == [0, 2])
    #expect(try roundTrip([[1, -2]] as IntTensor) == [[1, -2]])
    #expect(try roundTrip([true, false] as BoolTensor) == [true, false])
    for damaged in [
      #"{"shape":[3],"dtype":"float32","elements":[1,2]}"#,
      #"{"shape":[-1],"dtype":"float32","elements":[]}"#,
      #"{"shape":[2],"dtype":"int7","elements":[1,2]}"#,
      #"{"shape":[2147483647,2147483647,2147483647],"dtype":"float32","elements":[]}"#,
      #"{"shape":[1,1,1,1,1,1,1,1,1],"dtype":"float32","elements":[1]}"#,
    ] {
      #expect(throws: DecodingError.self) {
        try JSONDecoder().decode(Tensor.self, from: Data(damaged.utf8))
      }
    }
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(
        IntTensor.self, from: Data(#"{"shape":[3],"elements":[1,2]}"#.utf8))
    }
  }

  private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
    try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
  }

  @Test func uniformNumbersOfARange() {
    var generator = Philox(seed: 3)
    let x = Tensor.uniform([1000], in: -2..<3, dtype: .float64, using: &generator)
    #expect(x.min().scalar >= -2 && x.max().scalar < 3)
    #expect(x.min().scalar < -1.9 && x.max().scalar > 2.9)
    #expect(abs(x.mean().scalar - 0.5) < 0.2)
  }
}
