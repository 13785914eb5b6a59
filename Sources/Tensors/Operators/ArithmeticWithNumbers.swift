// Operators that assign (+=), and arithmetic with numbers of other types than Double.

extension Tensor {
  /// Replaces a by a + b.
  ///
  /// Tensors are values, so other copies of a stay as they are.
  public static func += (a: inout Tensor, b: Tensor) { a = a + b }
  /// Replaces a by its sum with a number.
  public static func += (a: inout Tensor, b: Double) { a = a + b }
  /// Replaces a by a - b.
  ///
  /// Tensors are values, so other copies of a stay as they are.
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
  /// Replaces a by its difference with a number.
  public static func -= (a: inout Tensor, b: Double) { a = a - b }
  /// Replaces a by a * b, elementwise.
  ///
  /// Tensors are values, so other copies of a stay as they are.
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
  /// Replaces a by its product with a number.
  public static func *= (a: inout Tensor, b: Double) { a = a * b }
  /// Replaces a by a / b, elementwise.
  ///
  /// Tensors are values, so other copies of a stay as they are.
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
  /// Replaces a by its quotient with a number.
  public static func /= (a: inout Tensor, b: Double) { a = a / b }

  /// a + number, of any floating-point type.
  public static func + <Number: BinaryFloatingPoint>(a: Tensor, b: Number) -> Tensor {
    a + Double(b)
  }
  /// number + b, of any floating-point type.
  public static func + <Number: BinaryFloatingPoint>(a: Number, b: Tensor) -> Tensor {
    Double(a) + b
  }
  /// a - number, of any floating-point type.
  public static func - <Number: BinaryFloatingPoint>(a: Tensor, b: Number) -> Tensor {
    a - Double(b)
  }
  /// number - b, of any floating-point type.
  public static func - <Number: BinaryFloatingPoint>(a: Number, b: Tensor) -> Tensor {
    Double(a) - b
  }
  /// a * number, of any floating-point type.
  public static func * <Number: BinaryFloatingPoint>(a: Tensor, b: Number) -> Tensor {
    a * Double(b)
  }
  /// number * b, of any floating-point type.
  public static func * <Number: BinaryFloatingPoint>(a: Number, b: Tensor) -> Tensor {
    Double(a) * b
  }
  /// a / number, of any floating-point type.
  public static func / <Number: BinaryFloatingPoint>(a: Tensor, b: Number) -> Tensor {
    a / Double(b)
  }
  /// number / b, of any floating-point type.
  public static func / <Number: BinaryFloatingPoint>(a: Number, b: Tensor) -> Tensor {
    Double(a) / b
  }
}
