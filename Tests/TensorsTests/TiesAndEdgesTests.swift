import Tensors
import TestFolders
import TestSupport
import Testing

/// Values and derivatives where functions have kinks, ties, NaN, or nothing to work on.
@Suite struct TiesAndEdgesTests {
  private func slope(_ x: [Double], of f: (Tensor) throws -> Tensor) throws -> [Double] {
    try gradient(at: Tensor(x, dtype: .float64)) { try f($0).sum() }.scalars
  }

  @Test func equalOperandsOfAMaximumShareItsDerivative() throws {
    let other = Tensor([1, 1, 1], dtype: .float64)
    #expect(try slope([0, 1, 2]) { .maximum($0, other) } == [0, 0.5, 1])
    #expect(try slope([0, 1, 2]) { .maximum(other, $0) } == [0, 0.5, 1])
    #expect(try slope([0, 1, 2]) { .minimum($0, other) } == [1, 0.5, 0])
    #expect(try slope([0, 1, 2]) { .minimum(other, $0) } == [1, 0.5, 0])
    #expect(try slope([2]) { .maximum($0, $0) } == [1])
  }

  @Test("a quotient by a number is rounded once, and a product keeps the sign of zero")
  func numbers() throws {
    for count in 1...200 {
      for dtype in [DType.float32, .float64] {
        #expect((Tensor(Double(count), dtype: dtype) / Double(count)).scalar == 1)
        #expect(Tensor.ones([count], dtype: dtype).mean().scalar == 1)
        #expect(Tensor.ones([count], dtype: dtype).variance().scalar == 0)
      }
    }
    // 1 / 1e-39 is beyond float32, and 0 of it is 0 nevertheless.
    #expect((Tensor([0, 1e-39]) / 1e-39).scalars[0] == 0)
    #expect(try slope([5, 7]) { $0 / 49 } == [1 / 49.0, 1 / 49.0])
    let zero = Tensor([0, -0.0], dtype: .float64)
    #expect((-zero).scalars.map(\.sign) == [.minus, .plus])
    #expect((zero * 2).scalars.map(\.sign) == [.plus, .minus])
    #expect((zero * -2).scalars.map(\.sign) == [.minus, .plus])
    #expect((zero + 0).scalars.map(\.sign) == [.plus, .plus])
    #expect((0 - zero).scalars.map(\.sign) == [.plus, .plus])
    #expect((1 / -zero).scalars == [-.infinity, .infinity])
  }

  @Test("-1 stands for what the other extents leave")
  func openExtents() {
    let x = Tensor((0..<24).map(Double.init), shape: [2, 3, 4])
    #expect(x.reshaped([-1]).shape == [24] && x.reshaped([2, -1]).shape == [2, 12])
    #expect(x.reshaped([-1, 3, 2]).shape == [4, 3, 2])
    #expect(x.reshaped([4, -1, 6]).shape == [4, 1, 6])
    #expect(x.reshaped([3, -1])[1, 0].scalar == 8)
    #expect(Tensor(2).reshaped([1, -1]).shape == [1, 1])
    #expect(Tensor.zeros([0, 3]).reshaped([-1, 3]).shape == [0, 3])
    let ints = IntTensor([1, 2, 3, 4, 5, 6]).reshaped([-1, 2])
    #expect(ints.shape == [3, 2] && ints[2, 0].scalar == 5)
    #expect((ints .> 3).reshaped([2, -1]).shape == [2, 3])
  }

  /// At 0 it is made of parts that have kinks there.
  @Test func softplusIsSmoothAtZero() throws {
    #expect(try slope([-0.0, 0]) { $0.softplus() } == [0.5, 0.5])
    let second = try hessian(at: Tensor([0, 0], dtype: .float64)) { $0.softplus().sum() }
    #expect(second.scalars == [0.25, 0, 0, 0.25])
    let large = try slope([-800, 800]) { $0.softplus() }
    #expect(large == [0, 1] && Tensor([-800, 800]).softplus().scalars == [0, 800])
  }

  @Test func notANumberIsNeverLostInAnExtreme() {
    let (x, y) = (Tensor([Double.nan, 1, 2]), Tensor([0, Double.nan, 1]))
    for extreme in [Tensor.maximum(x, y), Tensor.minimum(x, y)] {
      #expect(extreme.isNaN == [true, true, false])
    }
    #expect(Tensor([1, Double.nan, 3, .nan]).argmax(alongAxis: 0).scalar == 1)
    #expect(Tensor([1, Double.nan, 3, .nan]).max().scalar.isNaN)
    #expect(Tensor([1, Double.nan, -3]).min().scalar.isNaN)
    #expect(Tensor([Double.nan, 5]).clamped(to: 0...1).isNaN == [true, false])
    #expect(Tensor([2, Double.nan, 1]).argsort() == [2, 0, 1])
    #expect(Tensor([2, Double.nan, 1]).argsort(descending: true) == [1, 0, 2])
  }

  @Test func theFirstOfEqualsIsTheExtreme() throws {
    #expect(Tensor([1, 3, 3, 0]).argmax(alongAxis: 0).scalar == 1)
    #expect(Tensor([1, 0, 0, 3]).argmin(alongAxis: 0).scalar == 1)
    #expect(try slope([1, 3, 3]) { $0.max() } == [0, 1, 0])
    #expect(Tensor([2, 1, 2, 1]).argsort() == [1, 3, 0, 2])
    #expect(Tensor([2, 1, 2, 1]).argsort(descending: true) == [0, 2, 1, 3])
    let (values, positions) = Tensor([[5, 7, 7], [1, 0, 2]]).topK(2)
    #expect(values == [[7, 7], [2, 1]] && positions == [[1, 2], [2, 0]])
  }

  /// Long rows are searched sixteen numbers at a time.
  @Test("an extreme of a long line is found wherever it is", arguments: [DType.float32, .float64])
  func longLines(_ dtype: DType) {
    let numbers = testTensor([37], seed: 5, dtype: dtype).scalars
    for position in numbers.indices {
      for (special, places) in [(2.0, [position, 36]), (.nan, [position, 20]), (-2, [position])] {
        var line = numbers
        for place in places { line[place] = special }
        let first = places.min() ?? 0
        let x = Tensor(line + line, shape: [2, 37], dtype: dtype)
        let found =
          special == -2
          ? [x.argmin(alongAxis: 1), x.transposed().argmin(alongAxis: 0)]
          : [x.argmax(alongAxis: 1), x.transposed().argmax(alongAxis: 0)]
        #expect(found == [[first, first] as [Int], [first, first]].map { IntTensor($0) })
      }
    }
  }

  @Test func clampingKeepsTheDerivativeOnItsBounds() throws {
    #expect(try slope([-1, 0, 0.5, 1, 2]) { $0.clamped(to: 0...1) } == [0, 1, 1, 1, 0])
  }

  @Test func powersAtZero() throws {
    #expect(try slope([0, 2]) { $0.pow(0) } == [0, 0])
    #expect(try slope([0, 2]) { $0.pow(1) } == [1, 1])
    #expect(try slope([0, -2]) { $0.pow(2) } == [0, -4])
    let zero = Tensor([0, 0], dtype: .float64)
    #expect(try slope([2, 0]) { zero.pow($0) } == [0, 0])
    #expect(try slope([0, 3]) { $0.pow(Tensor([0, 0], dtype: .float64)) } == [0, 0])
  }

  @Test func roundingHasNoDerivativeAndGoesToTheEvenNumber() throws {
    #expect(Tensor([0.5, 1.5, -2.5, 2.4]).round() == [0, 2, -2, 2])
    #expect(try slope([0.5, 2]) { $0.round() + $0.floor() + $0.ceil() + $0.sign() } == [0, 0])
    #expect(Tensor([-2, 0, 3]).sign() == [-1, 0, 1])
  }

  @Test func aChoiceKeepsWhatWasNotChosenOut() throws {
    let x = Tensor([0, 4], dtype: .float64)
    let y = Tensor.where(x .> 0, x.log(), 0)
    #expect(y[0].scalar == 0)
    #expect(try slope([Double.nan, 1]) { .where([false, true], $0, 5) } == [0, 1])
  }

  @Test func logSumExpOfExtremeNumbers() throws {
    let large = Tensor([1000, 1000], dtype: .float64)
    #expect(abs(large.logSumExp().scalar - 1000.6931471805599) < 1e-12)
    #expect(
      Tensor([-Double.infinity, -.infinity], dtype: .float64).logSumExp().scalar == -.infinity)
    #expect(Tensor([-Double.infinity, 2], dtype: .float64).logSumExp().scalar == 2)
    #expect(Tensor.zeros([0]).logSumExp().scalar == -.infinity)
    #expect(try slope([1000, 1000]) { $0.logSumExp() } == [0.5, 0.5])
  }

  @Test func aProductWithZerosHasAGradient() throws {
    #expect(try slope([2, 0, 3]) { $0.product() } == [0, 6, 0])
    #expect(try slope([0, 0, 3]) { $0.product() } == [0, 0, 0])
    #expect(Tensor.zeros([2, 0]).product(alongAxis: 1).scalars == [1, 1])
  }

  @Test func samplesThatAreTakenTwiceGetBothCotangents() throws {
    let x = Tensor([[1, 2], [3, 4]], dtype: .float64)
    let weights = Tensor([[1, 2], [10, 20], [5, 6]], dtype: .float64)
    let slopes = try gradient(at: x) { ($0.samples([0, 0, 1]) * weights).sum() }
    #expect(slopes == Tensor([[11, 22], [5, 6]], dtype: .float64))
  }

  @Test func nothingToReduceStopsWhereThereIsNoAnswer() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 0]).max(alongAxis: 1) }
    #expect(errorText(result).contains("[2, 0]"))
    #expect(Tensor.zeros([0, 2]).max(alongAxis: 1).shape == [0])
  }

  @Test func einsumSaysWhatDoesNotFit() async {
    let extents = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.einsum("ij,jk->ik", .zeros([2, 3]), .zeros([4, 5])) }
    #expect(
      errorText(extents).contains("3 and 4")
        && errorText(extents).contains("ij,jk->ik"))
    let axes = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.einsum("ij->i", .zeros([2])) }
    #expect(errorText(axes).contains("names 2"))
    let unknown = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.einsum("i->k", .zeros([2])) }
    #expect(errorText(unknown).contains("axis k"))
  }
}
