// Tensors of flags.

extension DiscreteTensor where Element == Bool {
  /// Whether both flags are set, with broadcasting.
  public static func .& (a: BoolTensor, b: BoolTensor) -> BoolTensor {
    zipped(".&", a, b) { $0 && $1 }
  }
  /// Whether one of both flags is set, or both, with broadcasting.
  public static func .| (a: BoolTensor, b: BoolTensor) -> BoolTensor {
    zipped(".|", a, b) { $0 || $1 }
  }
  /// Whether one of both flags is set, and not both, with broadcasting.
  public static func .^ (a: BoolTensor, b: BoolTensor) -> BoolTensor {
    zipped(".^", a, b) { $0 != $1 }
  }
  /// The opposite of each flag.
  public static prefix func .! (a: BoolTensor) -> BoolTensor { a.mapped { !$0 } }

  /// Whether any flag is set; false of none.
  public var any: Bool { elements.contains(true) }
  /// Whether all flags are set; true of none.
  public var all: Bool { !elements.contains(false) }
  /// How many flags are set.
  public var trueCount: Int { elements.reduce(0) { $0 + ($1 ? 1 : 0) } }

  /// Whether any flag of each line of an axis is set; the axis goes.
  public func any(alongAxis axis: Int) -> BoolTensor {
    folded(alongAxis: axis) { $0.contains(true) }
  }
  /// Whether all flags of each line of an axis are set; the axis goes.
  public func all(alongAxis axis: Int) -> BoolTensor {
    folded(alongAxis: axis) { !$0.contains(false) }
  }
  /// How many flags of each line of an axis are set; the axis goes.
  public func trueCount(alongAxis axis: Int) -> IntTensor {
    folded(alongAxis: axis) { $0.reduce(0) { $0 + ($1 ? 1 : 0) } }
  }

  /// Where flags are set: one tensor of positions for each axis, in row-major order.
  public var positions: [IntTensor] {
    let flat = elements.indices.filter { elements[$0] }
    return (0..<rank).map { axis in
      let inner = shape.suffix(from: axis + 1).elementCount
      return IntTensor(flat.map { $0 / inner % shape[axis] })
    }
  }

  /// 1 where a flag is set, else 0.
  public func converted(to dtype: DType) -> Tensor {
    Tensor(elements.map { $0 ? 1.0 : 0 }, shape: shape, dtype: dtype)
  }

  /// 1 where a flag is set, else 0.
  public var asIntegers: IntTensor { mapped { $0 ? 1 : 0 } }
}
