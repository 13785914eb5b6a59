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
/// Axes that are not mentioned are taken whole. A position or a range that does not lie in its axis
/// is the caller's mistake and stops the process; NumPy cuts such a range off silently.
public protocol TensorIndex: Sendable {
  /// The selection that this index stands for.
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

  /// The selection itself.
  public var selection: AxisSelection { self }

  /// The number of axes of the tensor that the selection uses up.
  var consumed: Int {
    switch kind {
    case .newAxis, .ellipsis: 0
    case .mask(let mask): mask.rank
    default: 1
    }
  }
}

extension TensorIndex where Self == AxisSelection {
  /// As many whole axes as the other indices leave: `...` in a subscript.
  public static var ellipsis: AxisSelection { AxisSelection(kind: .ellipsis) }
  /// A new axis of extent 1.
  public static var newAxis: AxisSelection { AxisSelection(kind: .newAxis) }
  /// A whole axis.
  public static var all: AxisSelection { AxisSelection(kind: .range(from: nil, to: nil, by: 1)) }

  /// Every `step`th position of an axis, as `start:end:step` in Python.
  ///
  /// - Parameters:
  ///   - start: the first position; negative counts from the end. Default the first position of the
  ///     axis, or the last one if the step is negative.
  ///   - end: the position before which the selection ends; negative counts from the end. Default
  ///     the end of the axis.
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
    // -1 is the last position, so a range up to -1 goes to the end of the axis.
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
  /// The elements at these positions of an axis, which is replaced by the axes of this tensor.
  ///
  /// A tensor of flags selects the elements under the mask, whose axes become one.
  public var selection: AxisSelection {
    switch self {
    case let positions as IntTensor: AxisSelection(kind: .positions(positions))
    case let mask as BoolTensor: AxisSelection(kind: .mask(mask))
    default: callerMistake("a tensor of \(Element.dtypeName) is no index")
    }
  }
}
