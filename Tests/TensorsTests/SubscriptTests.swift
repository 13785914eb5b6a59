import Tensors
import TestFolders
import TestSupport
import Testing

/// Subscripts against the elements that they name.
@Suite struct SubscriptTests {
  /// Element [i, j, k] is 100 i + 10 j + k.
  private let x: Tensor = {
    let numbers = (0..<30).map { place -> Double in
      let (i, j, k) = (place / 15, place / 5 % 3, place % 5)
      return Double(100 * i + 10 * j + k)
    }
    return Tensor(numbers, shape: [2, 3, 5], dtype: .float64)
  }()

  private func expect(_ part: Tensor, _ shape: Shape, _ numbers: [Double]) {
    #expect(part.shape == shape)
    #expect(part.scalars == numbers)
  }

  @Test func integersAndRanges() {
    expect(x[1, 2, 4], [], [124])
    expect(x[-1, 0, -2], [], [103])
    expect(x[0, 1], [5], [10, 11, 12, 13, 14])
    expect(x[1, 1...2, 0..<2], [2, 2], [110, 111, 120, 121])
    expect(x[0, (-1)..., ...1], [1, 2], [20, 21])
    expect(x[0, 0, ..<(-3)], [2], [0, 1])
    expect(x[0, 0, (-3)...(-1)], [3], [2, 3, 4])
    expect(x[0, 0, ...(-1)], [5], [0, 1, 2, 3, 4])
    expect(x[1, 0..<0], [0, 5], [])
  }

  @Test func ellipsisNewAxesAndSteps() {
    expect(x[..., 0], [2, 3], [0, 10, 20, 100, 110, 120])
    expect(x[1, ..., 4], [3], [104, 114, 124])
    expect(x[.ellipsis, 1, 0], [2], [10, 110])
    #expect(x[...] == x)
    #expect(x[.newAxis, .ellipsis, .newAxis].shape == [1, 2, 3, 5, 1])
    expect(x[0, 0, .stride(by: 2)], [3], [0, 2, 4])
    expect(x[0, 0, .stride(from: 1, to: -1, by: 2)], [2], [1, 3])
    expect(x[0, 0, .stride(by: -2)], [3], [4, 2, 0])
    expect(x[0, 0, .stride(from: 3, to: 0, by: -1)], [3], [3, 2, 1])
    expect(x[.all, .stride(by: -1), 0], [2, 3], [20, 10, 0, 120, 110, 100])
  }

  @Test func positionsAndMasks() {
    expect(x[[1, 0, 1] as IntTensor, 0, 0], [3], [100, 0, 100])
    expect(x[0, [[2], [0]] as IntTensor, 1], [2, 1], [21, 1])
    expect(x[0, 1..., [-1, 0] as IntTensor], [2, 2], [14, 10, 24, 20])
    expect(x[[0, 1] as IntTensor, [2, 1] as IntTensor, 3], [2], [23, 113])
    // Index tensors that are apart: what they pick comes first.
    expect(
      x[[0, 1] as IntTensor, 1..., [3, 0] as IntTensor], [2, 2], [13, 23, 110, 120])
    expect(x[x .> 121], [3], [122, 123, 124])
    expect(x[[true, false] as BoolTensor, 0, 3], [1], [3])
    #expect(x[BoolTensor.full(false, [2, 3])].shape == [0, 5])
  }

  @Test func partsAreReplaced() {
    var y = x
    y[0] = Tensor.zeros([5], dtype: .float64)
    y[1, ..., 1] = Tensor([7, 8, 9], dtype: .float64)
    #expect(y[0].largestMagnitude == 0)
    expect(y[1, 2], [5], [120, 9, 122, 123, 124])
    #expect(x[0, 0, 1].scalar == 1, "the tensor that it was stays")
    y[y .> 100] = Tensor(-1, dtype: .float64)
    #expect(y.max().scalar == 100)
    let places: IntTensor = [1, 1, 0]
    let sums = Tensor.zeros([2]).updating([places], adding: [1, 2, 4])
    expect(sums, [2], [4, 3])
    let swapped = x[0, 0].updating([[4, 0] as IntTensor], with: Tensor([10, 20], dtype: .float64))
    expect(swapped, [5], [20, 1, 2, 3, 10])
  }

  @Test func discreteTensorsHaveTheSameSubscripts() {
    let n: IntTensor = [[1, 2, 3], [4, 5, 6]]
    #expect(n[-1] == [4, 5, 6])
    #expect(n[..., 0] == [1, 4])
    #expect(n[.all, .stride(by: -1)] == [[3, 2, 1], [6, 5, 4]])
    #expect(n[n .> 4] == [5, 6])
    #expect(n[[1, 1] as IntTensor, 0] == [4, 4])
    #expect(n.updating([0, 1...], with: 9) == [[1, 9, 9], [4, 5, 6]])
  }

  @Test func whatDoesNotExistStops() async {
    let outside = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3])[0, 3] }
    #expect(
      errorText(outside).contains("position 3")
        && errorText(outside).contains("[2, 3]"))
    let tooMany = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3])[0, 0, 0] }
    #expect(errorText(tooMany).contains("3 indices"))
    let range = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3])[0, 1..<4] }
    #expect(errorText(range).contains("bound 4"))
    let mask = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3])[BoolTensor.full(true, [3])] }
    #expect(errorText(mask).contains("mask of shape [3]"))
    let twice = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([3]).updating([[1, 1] as IntTensor], with: Tensor(1)) }
    #expect(errorText(twice).contains("replaced twice"))
  }
}
