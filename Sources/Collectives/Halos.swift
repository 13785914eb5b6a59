import Tensors

/// Strips of a grid, and the rows beside them that other ranks have.
extension Communicator {
  /// A strip of rows with those of its neighbours, rank - 1 before it and rank + 1 after it.
  ///
  /// The rows of a grid lie on the ranks in their order, for instance `share(of: rows)` on each. Before the
  /// first and after the last row of the grid come zeros, with one rank too. It is linear, and its transpose,
  /// by which it is differentiated, adds what a rank finds for the rows of others to theirs. All ranks call
  /// both in the same order.
  ///
  /// Stops when there are fewer rows than the halo is wide.
  ///
  /// - Parameters:
  ///   - strip: this rank's rows, [..., rows, ...]; other extents are the same on all ranks.
  ///   - axis: along which the rows lie; default 1, after the batch.
  ///   - width: how many rows of each neighbour; default 1.
  /// - Returns: [..., width + rows + width, ...], recorded if the strip is, to any order.
  /// - Throws: nothing of its own.
  /// - Complexity: two messages of `width` rows, forth and back.
  public func addingHalos(
    to strip: Tensor, alongAxis axis: Int = 1, width: Int = 1
  ) throws -> Tensor {
    let place = axis < 0 ? strip.rank + axis : axis
    expect(
      (0..<strip.rank).contains(place),
      "\(strip.shape) has no axis \(axis) along which rows could lie")
    expect(
      width >= 1 && strip.shape[place] >= width,
      "a halo of \(width) rows needs as many on each rank, but rank \(rank) has "
        + "\(strip.shape[place])")
    return try adding(alongAxis: place, width: width)(strip)
  }

  private func adding(alongAxis axis: Int, width: Int) -> CustomOperator {
    CustomOperator("addingHalos") { inputs in
      let strip = inputs[0]
      let rows = strip.shape[axis]
      let first = strip.slice(0..<width, alongAxis: axis)
      let last = strip.slice(rows - width..<rows, alongAxis: axis)
      return .concatenated(
        [handedOn(last, by: 1), strip, handedOn(first, by: -1)], alongAxis: axis)
    } pullback: { v, _, _ in
      [try folding(alongAxis: axis, width: width)(v)]
    }
  }

  /// The transpose: without the halos, each of which is added to the rows of its owner.
  private func folding(alongAxis axis: Int, width: Int) -> CustomOperator {
    CustomOperator("foldingHalos") { inputs in
      let wide = inputs[0]
      let rows = wide.shape[axis] - 2 * width
      let before = wide.slice(0..<width, alongAxis: axis)
      let after = wide.slice(width + rows..<width + rows + width, alongAxis: axis)
      let strip = wide.slice(width..<width + rows, alongAxis: axis)
      // The rest of the strip, beside a halo of the other side.
      let rest = strip.slice(0..<rows - width, alongAxis: axis).zerosLike()
      return strip
        + .concatenated([handedOn(after, by: 1), rest], alongAxis: axis)
        + .concatenated([rest, handedOn(before, by: -1)], alongAxis: axis)
    } pullback: { v, _, _ in
      [try adding(alongAxis: axis, width: width)(v)]
    }
  }

  /// What came from the rank `distance` places before; zeros where there is none.
  private func handedOn(_ rows: Tensor, by distance: Int) -> Tensor {
    shift(rows.scalars, by: distance).map { Tensor($0, shape: rows.shape, dtype: rows.dtype) }
      ?? rows.zerosLike()
  }
}
