/// Elements of a row-major array at regular distances.
///
/// Integers and ranges select such elements; reordered, reversed or repeated axes and diagonals are
/// views of this kind too.
struct StridedView: Sendable {
  /// The place of the first element.
  private(set) var offset: Int
  /// The extents of the selection.
  private(set) var shape: Shape
  /// The distance in the array between neighbours along each axis, in elements.
  private(set) var strides: [Int]

  /// All elements of an array.
  init(of shape: Shape) { (offset, self.shape, strides) = (0, shape, shape.strides) }

  private init(offset: Int, shape: Shape, strides: [Int]) {
    (self.offset, self.shape, self.strides) = (offset, shape, strides)
  }

  /// Whether the view selects all elements of an array of that shape, in their order.
  func isAll(of whole: Shape) -> Bool {
    shape == whole && offset == 0
      && zip(strides, zip(whole.strides, whole.array)).allSatisfy { $0 == $1.0 || $1.1 == 1 }
  }

  /// The view at one position of an axis, without that axis.
  func at(_ position: Int, of axis: Int) -> StridedView {
    var view = self
    view.offset += position * strides[axis]
    view.strides.remove(at: axis)
    view.shape = shape.prefix(axis) + shape.suffix(from: axis + 1)
    return view
  }

  /// The view of `count` positions of an axis, beginning at `start`, with a distance of `step`.
  func every(_ step: Int, from start: Int, count: Int, of axis: Int) -> StridedView {
    var view = self
    view.offset += count == 0 ? 0 : start * strides[axis]
    view.strides[axis] *= step
    view.shape[axis] = count
    return view
  }

  /// The view with a new axis of extent 1.
  func inserting(at axis: Int) -> StridedView {
    var view = self
    view.shape = shape.inserting(1, at: axis)
    view.strides.insert(0, at: axis)
    return view
  }

  /// The view with an axis in reverse order.
  func flipped(_ axis: Int) -> StridedView {
    every(-1, from: shape[axis] - 1, count: shape[axis], of: axis)
  }

  /// The view with its axes in another order: axis i of the result is axis `order[i]` of this one.
  func permuted(_ order: [Int]) -> StridedView {
    expect(
      order.sorted() == Array(0..<shape.rank),
      "\(order) is not an order of the \(shape.rank) axes of \(shape)")
    return StridedView(
      offset: offset, shape: Shape(order.map { shape[$0] }), strides: order.map { strides[$0] })
  }

  /// The view stretched to a larger shape.
  func broadcast(to target: Shape) -> StridedView {
    expect(shape.broadcast(with: target) == target, "\(shape) cannot be broadcast to \(target)")
    let extra = target.rank - shape.rank
    let stretched = (0..<shape.rank).map { shape[$0] == target[$0 + extra] ? strides[$0] : 0 }
    return StridedView(
      offset: offset, shape: target, strides: [Int](repeating: 0, count: extra) + stretched)
  }

  /// The elements whose positions along two axes of equal extent are equal, without the later axis.
  func diagonal(of first: Int, _ second: Int) -> StridedView {
    var view = self
    view.strides[first] += strides[second]
    view.strides.remove(at: second)
    view.shape = shape.prefix(second) + shape.suffix(from: second + 1)
    return view
  }

  /// The extents and strides of the view with which the fewest axes give the same elements in the
  /// same order.
  var coalesced: (extents: [Int], strides: [Int]) {
    var (extents, steps): ([Int], [Int]) = ([], [])
    for axis in 0..<shape.rank where shape[axis] != 1 {
      if let last = steps.last, last == strides[axis] * shape[axis] {
        extents[extents.count - 1] *= shape[axis]
        steps[steps.count - 1] = strides[axis]
      } else {
        extents.append(shape[axis])
        steps.append(strides[axis])
      }
    }
    return (extents, steps)
  }

  /// Calls `body` for runs along the last axis of the coalesced view, in row-major order.
  func forEachRun(_ body: (_ offset: Int, _ count: Int, _ step: Int) -> Void) {
    let (extents, strides) = coalesced
    let total = shape.elementCount
    guard total > 0 else { return }
    guard let inner = extents.last, let step = strides.last else { return body(offset, 1, 1) }
    var position = [Int](repeating: 0, count: extents.count)
    var from = offset
    for _ in 0..<total / inner {
      body(from, inner, step)
      for axis in (0..<extents.count - 1).reversed() {
        from += strides[axis]
        position[axis] += 1
        if position[axis] < extents[axis] { break }
        from -= strides[axis] * extents[axis]
        position[axis] = 0
      }
    }
  }
}
