extension Tensor {
  /// The sum of products that an equation of letters describes.
  ///
  /// ```swift
  /// Tensor.einsum("bij,bjk->bik", a, b)    // a batch of matrix products
  /// Tensor.einsum("ii->", a)               // the trace
  /// Tensor.einsum("...i,...i->...", a, b)  // inner products of the last axes
  /// ```
  /// Each operand has a letter for every axis. All axes with the same letter have the same extent;
  /// a letter that stands twice in one operand takes the diagonal; letters that are not named after
  /// the arrow are summed over. `...` stands for any number of axes, which are broadcast. Without
  /// an arrow, the result has the axes of `...` first and then the letters that occur once, in
  /// alphabetical order.
  ///
  /// Operands are multiplied from left to right, each pair as one (batched) matrix product, or
  /// elementwise where nothing is summed over.
  ///
  /// - Parameters:
  ///   - equation: the letters of the operands, separated by commas, and after the arrow those of
  ///     the result.
  ///   - operands: one tensor for each term of the equation.
  /// - Returns: a tensor with the axes after the arrow.
  ///
  /// Stops, printing the equation and the shapes, when they do not fit each other.
  public static func einsum(_ equation: String, _ operands: Tensor...) -> Tensor {
    EinsteinSum(equation, operands.map(\.shape)).of(operands)
  }
}

/// An equation in which every axis has a name; the axes that `...` stands for have numbers.
private struct EinsteinSum {
  /// The name of an axis: the value of its letter, or a negative number that counts the axes of
  /// `...` from their end.
  private typealias Label = Int
  private var terms: [[Label]] = []
  private var result: [Label] = []
  private var extents: [Label: Int] = [:]

  init(_ equation: String, _ shapes: [Shape]) {
    func mistake(_ what: String) -> Never {
      callerMistake(
        "einsum cannot apply \"\(equation)\" to \(shapes.map(\.description).joined(separator: " and ")): "
          + what)
    }
    let text = equation.filter { $0 != " " }
    let arrow = text.firstRange(of: "->")
    let inputs = text[..<(arrow?.lowerBound ?? text.endIndex)]
      .split(separator: ",", omittingEmptySubsequences: false)
    if inputs.count != shapes.count {
      mistake("it has \(inputs.count) terms for \(shapes.count) operands")
    }
    func labels(_ term: Substring, ellipsis: Int) -> [Label] {
      let parts = term.split(separator: "...", maxSplits: 1, omittingEmptySubsequences: false)
      let letters = parts.map { part -> [Label] in
        part.map { letter in
          guard letter.isASCII, letter.isLetter, let value = letter.asciiValue else {
            mistake("\"\(letter)\" is no letter")
          }
          return Int(value)
        }
      }
      return parts.count == 1
        ? letters[0] : letters[0] + (0..<ellipsis).map { $0 - ellipsis } + letters[1]
    }
    var widest = 0
    for (term, shape) in zip(inputs, shapes) {
      let ellipsis = shape.rank - labels(term, ellipsis: 0).count
      let found = labels(term, ellipsis: Swift.max(ellipsis, 0))
      if found.count != shape.rank {
        mistake("\"\(term)\" names \(found.count) of the axes of \(shape)")
      }
      if found.contains(where: { $0 < 0 }) { widest = Swift.max(widest, ellipsis) }
      terms.append(found)
      for (label, extent) in zip(found, shape.array) {
        let known = extents[label] ?? extent
        if known != extent && !(label < 0 && (known == 1 || extent == 1)) {
          mistake("one axis has the extents \(known) and \(extent)")
        }
        extents[label] = known == 1 ? extent : known
      }
    }
    if let arrow {
      result = labels(text[arrow.upperBound...], ellipsis: widest)
    } else {
      let all = terms.flatMap { $0 }
      result =
        (0..<widest).map { $0 - widest }
        + Set(all).filter { label in label >= 0 && all.filter { $0 == label }.count == 1 }.sorted()
    }
    if Set(result).count != result.count { mistake("the result names an axis twice") }
    if let unknown = result.first(where: { extents[$0] == nil }) {
      mistake(
        "no operand has the axis \(unknown >= 0 ? String(UnicodeScalar(UInt8(unknown))) : "...")")
    }
  }

  func of(_ operands: [Tensor]) -> Tensor {
    var pending = zip(operands, terms).map(prepared)
    var (product, labels) = pending.removeFirst()
    for (place, next) in pending.enumerated() {
      let later = Set(result).union(pending[(place + 1)...].flatMap(\.1))
      (product, labels) = multiplied((product, labels), next, keeping: later)
    }
    (product, labels) = summed(product, labels, keeping: Set(result))
    return product.permuted(result.map { label in labels.firstIndex(of: label) ?? 0 })
  }

  /// The operand with its diagonals taken, and with the axes of `...` stretched.
  private func prepared(_ tensor: Tensor, _ labels: [Label]) -> (Tensor, [Label]) {
    var view = StridedView(of: tensor.shape)
    var left = labels
    for label in Set(labels) {
      while let first = left.firstIndex(of: label), let last = left.lastIndex(of: label),
        first != last
      {
        view = view.diagonal(of: first, last)
        left.remove(at: last)
      }
    }
    let wide = Shape(left.map { $0 < 0 ? extents[$0] ?? 1 : extents[$0] ?? 0 })
    return (tensor.read(view, operation: "einsum").broadcast(to: wide), left)
  }

  private func summed(
    _ tensor: Tensor, _ labels: [Label], keeping kept: Set<Label>
  ) -> (Tensor, [Label]) {
    let axes = labels.indices.filter { !kept.contains(labels[$0]) }
    return (tensor.sum(alongAxes: axes), labels.filter(kept.contains))
  }

  private func multiplied(
    _ a: (Tensor, [Label]), _ b: (Tensor, [Label]), keeping kept: Set<Label>
  ) -> (Tensor, [Label]) {
    let (x, left) = summed(a.0, a.1, keeping: kept.union(b.1))
    let (y, right) = summed(b.0, b.1, keeping: kept.union(a.1))
    let shared = left.filter { right.contains($0) }
    let (batch, inner) = (shared.filter(kept.contains), shared.filter { !kept.contains($0) })
    let (rows, columns) = (
      left.filter { !right.contains($0) }, right.filter { !left.contains($0) }
    )
    let size = { (labels: [Label]) in labels.reduce(1) { $0 * (extents[$1] ?? 1) } }
    let ordered = { (tensor: Tensor, labels: [Label], order: [Label], shape: Shape) in
      tensor.permuted(order.map { label in labels.firstIndex(of: label) ?? 0 }).reshaped(shape)
    }
    let lead: Shape = [size(batch)]
    let (m, k, n) = (size(rows), size(inner), size(columns))
    let product =
      inner.isEmpty
      ? ordered(x, left, batch + rows, lead + [m, 1])
        * ordered(y, right, batch + columns, lead + [1, n])
      : ordered(x, left, batch + rows + inner, lead + [m, k])
        .matmul(ordered(y, right, batch + inner + columns, lead + [k, n]))
    let labels = batch + rows + columns
    return (product.reshaped(Shape(labels.map { extents[$0] ?? 1 })), labels)
  }
}
