import ImplicitLayers
import Tensors

/// Parameters whose gradients are judged together.
///
/// ```swift
/// let groups = ParameterGroup.grouping(cell.namedParameters.map { ($0.name, $0.parameter.tensor) })
/// ```
public struct ParameterGroup: Sendable {
  /// The name of the group in tables.
  public let name: String
  /// Variables that the map captures.
  public let tensors: [Tensor]

  /// A group.
  ///
  /// Stops when it is empty or a tensor is no variable.
  public init(_ name: String, _ tensors: [Tensor]) {
    expect(!tensors.isEmpty, "the parameter group \"\(name)\" has no tensors")
    for tensor in tensors {
      expect(
        tensor.isVariable,
        "a tensor of shape \(tensor.shape) in the parameter group \"\(name)\" is "
          + (tensor.isRecorded ? "computed from variables" : "a constant")
          + ", without a gradient of its own; make it a variable with variable()")
    }
    self.name = name
    self.tensors = tensors
  }

  /// Groups by the part of the names before the first dot, in the order of appearance.
  public static func grouping(_ named: [(name: String, tensor: Tensor)]) -> [ParameterGroup] {
    var order: [String] = []
    var members: [String: [Tensor]] = [:]
    for (name, tensor) in named {
      let prefix = String(name.prefix { $0 != "." })
      if members[prefix] == nil { order.append(prefix) }
      members[prefix, default: []].append(tensor)
    }
    return order.map { ParameterGroup($0, members[$0] ?? []) }
  }
}

/// How a gradient g compares with the reference r.
public struct GradientFigures: Sendable, Codable, Equatable {
  /// g^T r / (|g| |r|): whether the direction is right; nil where one of them is zero or not
  /// finite.
  public let cosine: Double?
  /// |g - r| / |r|; nil where g is not finite, or r is zero and g is not.
  public let relativeError: Double?
  /// |g| / |r|: whether the length is right; nil where r is zero or g not finite.
  public let normRatio: Double?
  /// |r| divided by that of all groups together; nil where r is zero or not finite.
  ///
  /// Where it is tiny, the other figures are those of noise.
  public let share: Double?

  /// The figures of a group, or, without `whole`, of all together.
  init(_ sums: GradientSums, of whole: GradientSums? = nil) {
    let total = (whole ?? sums).reference.squareRoot()
    share = total > 0 && total.isFinite ? sums.reference.squareRoot() / total : nil
    let (own, reference) = (sums.own.squareRoot(), sums.reference.squareRoot())
    let isFinite = own.isFinite && reference.isFinite
    let comparable = isFinite && reference > 0
    // Rounding may carry the quotient a little beyond 1.
    cosine =
      comparable && own > 0 ? min(max(sums.product / own / reference, -1), 1) : nil
    normRatio = comparable ? own / reference : nil
    relativeError =
      comparable ? sums.difference.squareRoot() / reference : isFinite && own == 0 ? 0 : nil
  }
}

/// Inner products of a gradient g with the reference r; those of several tensors add up.
struct GradientSums {
  private(set) var product = 0.0
  private(set) var own = 0.0
  private(set) var reference = 0.0
  private(set) var difference = 0.0

  init() {}

  init(_ gradients: [Tensor], _ references: [Tensor]) {
    for (gradient, other) in zip(gradients, references) {
      let (g, r) = (gradient.reshaped([1, gradient.count]), other.reshaped([1, other.count]))
      let gap = g - r
      product += g.innerProductsOfSamples(with: r)[0]
      own += g.innerProductsOfSamples(with: g)[0]
      reference += r.innerProductsOfSamples(with: r)[0]
      difference += gap.innerProductsOfSamples(with: gap)[0]
    }
  }

  static func + (a: GradientSums, b: GradientSums) -> GradientSums {
    var sum = a
    sum.product += b.product
    sum.own += b.own
    sum.reference += b.reference
    sum.difference += b.difference
    return sum
  }
}

/// The gradients of all groups.
struct GroupedGradients {
  /// Group by group, tensor by tensor; zeros where the loss does not depend on a tensor.
  let groups: [[Tensor]]

  init(_ table: Gradients, of groups: [ParameterGroup]) {
    self.groups = groups.map { group in group.tensors.map { table[$0] ?? $0.zerosLike() } }
  }

  /// The figures of each group, and of all together.
  func figures(
    against reference: GroupedGradients
  ) -> (groups: [GradientFigures], overall: GradientFigures) {
    let sums = zip(groups, reference.groups).map { GradientSums($0, $1) }
    let whole = sums.reduce(GradientSums(), +)
    return (sums.map { GradientFigures($0, of: whole) }, GradientFigures(whole))
  }

  /// |g| / |r| of each group, and of all together.
  func relativeSizes(to reference: GroupedGradients) -> (groups: [Double?], overall: Double?) {
    let figures = figures(against: reference)
    return (figures.groups.map(\.normRatio), figures.overall.normRatio)
  }

  /// These gradients divided by a number.
  func divided(by scale: Double) -> GroupedGradients {
    GroupedGradients(groups: groups.map { $0.map { $0 / scale } })
  }

  private init(groups: [[Tensor]]) { self.groups = groups }
}
