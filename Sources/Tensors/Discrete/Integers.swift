// Tensors of whole numbers.

extension DiscreteTensor where Element == Int32 {
  /// a + b, with broadcasting; stops where 32 bits do not hold a sum.
  public static func + (a: IntTensor, b: IntTensor) -> IntTensor {
    zipped("+", a, b) { Int32(scalar: Int($0) + Int($1)) }
  }
  /// a - b, with broadcasting; stops where 32 bits do not hold a difference.
  public static func - (a: IntTensor, b: IntTensor) -> IntTensor {
    zipped("-", a, b) { Int32(scalar: Int($0) - Int($1)) }
  }
  /// a * b, with broadcasting; stops where 32 bits do not hold a product.
  public static func * (a: IntTensor, b: IntTensor) -> IntTensor {
    zipped("*", a, b) { Int32(scalar: Int($0) * Int($1)) }
  }
  /// a + number.
  public static func + (a: IntTensor, b: Int) -> IntTensor { a + IntTensor(b) }
  /// a - number.
  public static func - (a: IntTensor, b: Int) -> IntTensor { a - IntTensor(b) }
  /// a * number.
  public static func * (a: IntTensor, b: Int) -> IntTensor { a * IntTensor(b) }

  /// a / number, rounded down (towards minus infinity); stops when the number is 0.
  public func flooredQuotient(by divisor: Int) -> IntTensor {
    expect(divisor != 0, "whole numbers cannot be divided by 0")
    return mapped { number in
      let (quotient, remainder) = Int(number).quotientAndRemainder(dividingBy: divisor)
      return Int32(
        scalar: remainder != 0 && (remainder < 0) != (divisor < 0)
          ? quotient - 1 : quotient)
    }
  }
  /// The remainder of `flooredQuotient(by:)`, which has the sign of the divisor; stops when the
  /// divisor is 0.
  public func remainder(by divisor: Int) -> IntTensor {
    self - flooredQuotient(by: divisor) * divisor
  }

  /// Where a equals b, with broadcasting.
  public static func .== (a: IntTensor, b: IntTensor) -> BoolTensor { zipped(".==", a, b, ==) }
  /// Where a differs from b, with broadcasting.
  public static func .!= (a: IntTensor, b: IntTensor) -> BoolTensor { zipped(".!=", a, b, !=) }
  /// Where a is less than b, with broadcasting.
  public static func .< (a: IntTensor, b: IntTensor) -> BoolTensor { zipped(".<", a, b, <) }
  /// Where a is at most b, with broadcasting.
  public static func .<= (a: IntTensor, b: IntTensor) -> BoolTensor { zipped(".<=", a, b, <=) }
  /// Where a is greater than b, with broadcasting.
  public static func .> (a: IntTensor, b: IntTensor) -> BoolTensor { zipped(".>", a, b, >) }
  /// Where a is at least b, with broadcasting.
  public static func .>= (a: IntTensor, b: IntTensor) -> BoolTensor { zipped(".>=", a, b, >=) }
  /// Where a equals a number.
  public static func .== (a: IntTensor, b: Int) -> BoolTensor { a .== IntTensor(b) }
  /// Where a differs from a number.
  public static func .!= (a: IntTensor, b: Int) -> BoolTensor { a .!= IntTensor(b) }
  /// Where a is less than a number.
  public static func .< (a: IntTensor, b: Int) -> BoolTensor { a .< IntTensor(b) }
  /// Where a is at most a number.
  public static func .<= (a: IntTensor, b: Int) -> BoolTensor { a .<= IntTensor(b) }
  /// Where a is greater than a number.
  public static func .> (a: IntTensor, b: Int) -> BoolTensor { a .> IntTensor(b) }
  /// Where a is at least a number.
  public static func .>= (a: IntTensor, b: Int) -> BoolTensor { a .>= IntTensor(b) }

  /// The same numbers in a floating-point dtype; float32 holds whole numbers up to 2^24 exactly.
  public func converted(to dtype: DType) -> Tensor {
    Tensor(elements.map(Double.init), shape: shape, dtype: dtype)
  }

  /// The whole numbers of a tensor, rounded towards zero.
  ///
  /// Stops where an element is NaN or does not fit 32 bits.
  public init(truncating tensor: Tensor) {
    let elements = tensor.scalars.map { number -> Int32 in
      guard let exact = Int32(exactly: number.rounded(.towardZero)) else {
        callerMistake("\(number) cannot become a whole number of 32 bits")
      }
      return exact
    }
    self.init(elements: elements, shape: tensor.shape)
  }

  /// One-hot rows, [..., classes]: each holds a single 1, at the position that the number names.
  ///
  /// Stops when a number is not in 0..<classes.
  public func oneHot(classes: Int, dtype: DType = .float32) -> Tensor {
    func rows<Scalar: BinaryFloatingPoint>(of type: Scalar.Type) -> [Scalar] {
      var rows = [Scalar](repeating: 0, count: count * classes)
      for (row, element) in elements.enumerated() {
        expect(
          element >= 0 && Int(element) < classes,
          "class \(element) does not exist: there are \(classes)")
        rows[row * classes + Int(element)] = 1
      }
      return rows
    }
    return switch dtype {
    case .float32: Tensor(rows(of: Float.self), shape: shape + [classes])
    case .float64: Tensor(rows(of: Double.self), shape: shape + [classes], dtype: .float64)
    }
  }

  /// The same positions, counted from the front of an axis with this extent.
  ///
  /// Stops when a position does not exist in the axis.
  func resolved(extent: Int, _ what: @autoclosure () -> String) -> IntTensor {
    let bound = Int32(scalar: extent)
    var hasNegative = false
    for element in elements {
      expect(
        element < bound && element >= -bound,
        "position \(element) does not exist in \(what()), which has \(extent)")
      hasNegative = hasNegative || element < 0
    }
    return hasNegative ? mapped { $0 < 0 ? $0 + bound : $0 } : self
  }
}
