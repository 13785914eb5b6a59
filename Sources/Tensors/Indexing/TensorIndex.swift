/// What may stand between the brackets of a tensor's subscript.
///
/// ```swift
/// x[0]                       // an integer: the axis goes; negative counts from the end
/// x[1..<3, ...2, (-2)...]    // ranges
/// x[..., 0]                  // all axes but the last; also .ellipsis
/// x[.newAxis, 0]             // a new axis of extent 1
/// x[.stride(by: -1)]         // backwards
/// x[[2, 0, 2] as IntTensor]  // these positions, in this order
/// x[x .> 0]                  // the elements under a mask, as a vector
/// ```
/// Axes that are not mentioned are taken whole. A position or a range that does not lie in its axis is
/// the caller's mistake: nothing is cut off in silence, as NumPy does.
public protocol TensorIndex: Sendable {
  /// What is selected.
  var selection: AxisSelection { get }
}

/// What one index of a subscript selects; see `TensorIndex`.
public struct AxisSelection: TensorIndex {
  enum Kind: Sendable {
    case position(Int)
    case range(from: Int?, to: Int?, by: Int)
    case newAxis
    case ellipsis
    case positions(IntTensor)
    case mask(BoolTensor)
  }
  let kind: Kind

  /// Itself.
  public var selection: AxisSelection { self }

  /// How many axes it takes.
  var consumed: Int {
    switch kind {
    case .newAxis, .ellipsis: 0
    case .mask(let mask): mask.rank
    default: 1
    }
  }
}

extension TensorIndex where Self == AxisSelection {
  /// As many whole axes as are not mentioned: `...`.
  public static var ellipsis: AxisSelection { AxisSelection(kind: .ellipsis) }
  /// An axis of extent 1 that was not there.
  public static var newAxis: AxisSelection { AxisSelection(kind: .newAxis) }
  /// A whole axis.
  public static var all: AxisSelection { AxisSelection(kind: .range(from: nil, to: nil, by: 1)) }

  /// Every `step`th position of an axis, as `start:end:step` in Python.
  ///
  /// - Parameters:
  ///   - start: the first position, negative from the end; default the first, of a negative step the
  ///     last.
  ///   - end: the position before which it ends, negative from the end; default all.
  ///   - step: not 0; default 1. A negative one goes backwards.
  /// - Returns: the selection.
  public static func stride(from start: Int? = nil, to end: Int? = nil, by step: Int = 1)
    -> AxisSelection
  {
    expect(step != 0, "a step of 0 selects nothing")
    return AxisSelection(kind: .range(from: start, to: end, by: step))
  }
}

extension Int: TensorIndex {
  /// The position; negative counts from the end.
  public var selection: AxisSelection { AxisSelection(kind: .position(self)) }
}

extension Range: TensorIndex where Bound == Int {
  /// The positions of the range.
  public var selection: AxisSelection {
    AxisSelection(kind: .range(from: lowerBound, to: upperBound, by: 1))
  }
}

extension ClosedRange: TensorIndex where Bound == Int {
  /// The positions of the range.
  public var selection: AxisSelection {
    // -1 is the last position, and what follows it is the end.
    AxisSelection(
      kind: .range(from: lowerBound, to: upperBound == -1 ? nil : upperBound + 1, by: 1))
  }
}

extension PartialRangeFrom: TensorIndex where Bound == Int {
  /// The positions from the bound on.
  public var selection: AxisSelection {
    AxisSelection(kind: .range(from: lowerBound, to: nil, by: 1))
  }
}

extension PartialRangeUpTo: TensorIndex where Bound == Int {
  /// The positions before the bound.
  public var selection: AxisSelection {
    AxisSelection(kind: .range(from: nil, to: upperBound, by: 1))
  }
}

extension PartialRangeThrough: TensorIndex where Bound == Int {
  /// The positions up to the bound.
  public var selection: AxisSelection {
    AxisSelection(kind: .range(from: nil, to: upperBound == -1 ? nil : upperBound + 1, by: 1))
  }
}

extension DiscreteTensor: TensorIndex {
  /// These positions of an axis, which becomes the axes of this tensor.
  ///
  /// Of flags: the elements under the mask, whose axes become one.
  public var selection: AxisSelection {
    switch self {
    case let positions as IntTensor: AxisSelection(kind: .positions(positions))
    case let mask as BoolTensor: AxisSelection(kind: .mask(mask))
    default: callerMistake("a tensor of \(Element.dtypeName) is no index")
    }
  }
}
