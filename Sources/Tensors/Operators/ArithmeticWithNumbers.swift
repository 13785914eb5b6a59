// Arithmetic that gives a name another value, and arithmetic with numbers of other types.

extension Tensor {
  /// Gives the name the sum; tensors that others hold stay as they are.
  public static func += (a: inout Tensor, b: Tensor) { a = a + b }
  /// Gives the name the sum with a number.
  public static func += (a: inout Tensor, b: Double) { a = a + b }
  /// Gives the name the difference; tensors that others hold stay as they are.
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
  /// Gives the name the difference with a number.
  public static func -= (a: inout Tensor, b: Double) { a = a - b }
  /// Gives the name the product; tensors that others hold stay as they are.
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
  /// Gives the name the product with a number.
  public static func *= (a: inout Tensor, b: Double) { a = a * b }
  /// Gives the name the quotient; tensors that others hold stay as they are.
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
  /// Gives the name the quotient with a number.
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
