/// What a subscript selects from a tensor of some shape.
///
/// Integers, ranges and new axes select a strided view. Positions and masks then pick from one axis
/// of that view, into which all axes that they index have been merged.
struct IndexPlan {
  /// The elements that integers and ranges select, with the axes that positions index side by side.
  private(set) var view: StridedView
  /// The first of the axes that positions index, and (in `mergedAxes`) their number.
  private(set) var axis = 0
  private(set) var mergedAxes = 0
  /// The positions along the merged axis; nil if the subscript has neither positions nor masks.
  private(set) var positions: IntTensor?

  init(_ indices: [any TensorIndex], of shape: Shape) {
    view = StridedView(of: shape)
    let selections = IndexPlan.completed(indices.map(\.selection), shape)
    var indexed: [(axis: Int, positions: IntTensor)] = []
    var axis = 0
    for selection in selections {
      switch selection.kind {
      case .position(let position):
        let extent = view.shape[axis]
        expect(
          position < extent && position >= -extent,
          "position \(position) does not exist in an axis of extent \(extent) of \(shape)")
        view = view.at(position < 0 ? position + extent : position, of: axis)
      case .range(let start, let end, let step):
        view = IndexPlan.range(view, start, end, step, axis, shape)
        axis += 1
      case .newAxis:
        view = view.inserting(at: axis)
        axis += 1
      case .ellipsis:
        break
      case .positions(let positions):
        indexed.append(
          (axis, positions.resolved(extent: view.shape[axis], "an axis of \(shape)")))
        axis += 1
      case .mask(let mask):
        let masked = view.shape.suffix(from: axis).prefix(mask.rank)
        expect(
          mask.shape == masked && mask.rank > 0,
          "a mask of shape \(mask.shape) does not fit the axes \(masked) of \(shape)")
        for positions in mask.positions {
          indexed.append((axis, positions))
          axis += 1
        }
      }
    }
    merge(indexed)
  }

  /// The selections with the ellipsis written out as whole axes.
  private static func completed(_ given: [AxisSelection], _ shape: Shape) -> [AxisSelection] {
    let consumed = given.reduce(0) { $0 + $1.consumed }
    expect(
      consumed <= shape.rank,
      "\(consumed) indices were given for shape \(shape), which has \(shape.rank) axes")
    let places = given.indices.filter { if case .ellipsis = given[$0].kind { true } else { false } }
    expect(places.count <= 1, "a subscript has one ellipsis at most, not \(places.count)")
    let rest = [AxisSelection](repeating: .all, count: shape.rank - consumed)
    guard let place = places.first else { return given + rest }
    return given[..<place] + rest + given[(place + 1)...]
  }

  private static func range(
    _ view: StridedView, _ start: Int?, _ end: Int?, _ step: Int, _ axis: Int, _ shape: Shape
  ) -> StridedView {
    let extent = view.shape[axis]
    let resolve = { (bound: Int) -> Int in
      let position = bound < 0 ? bound + extent : bound
      expect(
        position >= 0 && position <= extent,
        "the bound \(bound) does not lie in an axis of extent \(extent) of \(shape)")
      return position
    }
    // With a negative step the first position is `last`, and `end` is not reached.
    let first = start.map(resolve) ?? (step > 0 ? 0 : extent - 1)
    let last = end.map(resolve) ?? (step > 0 ? extent : -1)
    expect(
      first < extent || step > 0 || extent == 0,
      "there is no position \(first) to go back from in an axis of extent \(extent) of \(shape)")
    let length = step > 0 ? last - first : first - last
    let count = length <= 0 ? 0 : (length + abs(step) - 1) / abs(step)
    return view.every(step, from: first, count: count, of: axis)
  }

  private mutating func merge(_ indexed: [(axis: Int, positions: IntTensor)]) {
    guard let first = indexed.first else { return }
    let axes = indexed.map(\.axis)
    mergedAxes = axes.count
    axis = first.axis
    if axes != Array(axis..<axis + axes.count) {
      // As in NumPy, the picked axes come first if the indexed axes are not neighbours.
      view = view.permuted(axes + (0..<view.shape.rank).filter { !axes.contains($0) })
      axis = 0
    }
    let common = indexed.dropFirst().reduce(first.positions.shape) { common, next in
      guard let shape = common.broadcast(with: next.positions.shape) else {
        callerMistake(
          "index tensors of shapes \(common) and \(next.positions.shape) cannot be broadcast")
      }
      return shape
    }
    var flat = indexed[0].positions.broadcast(to: common)
    for (place, index) in indexed.enumerated().dropFirst() {
      flat = flat * view.shape[axis + place] + index.positions.broadcast(to: common)
    }
    positions = flat
  }

  /// The shape of the view with the indexed axes merged into one.
  var merged: Shape {
    let inner = view.shape.suffix(from: axis)
    return view.shape.prefix(axis) + [inner.prefix(mergedAxes).elementCount]
      + inner.suffix(from: mergedAxes)
  }

  /// The shape of the selection.
  var shape: Shape {
    guard let positions else { return view.shape }
    return view.shape.prefix(axis) + positions.shape + view.shape.suffix(from: axis + mergedAxes)
  }
}
