/// The scalar type of a tensor, known at run time.
public enum DType: String, Sendable, Hashable, Codable, CustomStringConvertible {
  /// IEEE single precision, in which models are trained.
  case float32
  /// IEEE double precision, in which gradients are checked.
  case float64

  /// The size of one element in bytes.
  public var byteCount: Int { self == .float32 ? 4 : 8 }

  /// The distance from 1 to the next larger number.
  public var machineEpsilon: Double {
    self == .float32 ? Double(Float.ulpOfOne) : Double.ulpOfOne
  }

  /// "float32" or "float64".
  public var description: String { self == .float32 ? "float32" : "float64" }
}
