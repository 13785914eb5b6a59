// Tensors of flags.

extension DiscreteTensor where Element == Bool {
  /// Whether both flags are set, with broadcasting.
  public static func .& (a: BoolTensor, b: BoolTensor) -> BoolTensor {
    zipped(".&", a, b) { $0 && $1 }
  }
  /// Whether at least one of both flags is set, with broadcasting.
  public static func .| (a: BoolTensor, b: BoolTensor) -> BoolTensor {
    zipped(".|", a, b) { $0 || $1 }
  }
  /// Whether exactly one of both flags is set, with broadcasting.
  public static func .^ (a: BoolTensor, b: BoolTensor) -> BoolTensor {
    zipped(".^", a, b) { $0 != $1 }
  }
  /// The opposite of each flag.
  public static prefix func .! (a: BoolTensor) -> BoolTensor { a.mapped { !$0 } }

  /// Whether any flag is set; false for an empty tensor.
  public var any: Bool { elements.contains(true) }
  /// Whether all flags are set; true for an empty tensor.
  public var all: Bool { !elements.contains(false) }
  /// How many flags are set.
  public var trueCount: Int { elements.reduce(0) { $0 + ($1 ? 1 : 0) } }

  /// Whether any flag along each line of an axis is set; the axis is removed.
  public func any(alongAxis axis: Int) -> BoolTensor {
    folded(alongAxis: axis) { $0.contains(true) }
  }
  /// Whether all flags along each line of an axis are set; the axis is removed.
  public func all(alongAxis axis: Int) -> BoolTensor {
    folded(alongAxis: axis) { !$0.contains(false) }
  }
  /// How many flags along each line of an axis are set; the axis is removed.
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
