import Foundation
import Tensors

/// A random map of a random size, f(z) = s(W z) + x, with a random cotangent.
///
/// A cell is a function of its seed and its number alone, so that one can be repeated. As x stands
/// outside of s, dL/dx is the adjoint w itself, which the judge compares with a dense solution of
/// (I - J^T) w = v.
public struct RandomCell: Sendable, CustomStringConvertible {
  /// s.
  public enum Kind: String, Sendable, CaseIterable {
    /// y.
    case linear
    /// tanh y.
    case tanh
    /// y / (1 + y^2), which turns over at 1.
    case rational
  }

  /// The seed and the number that the cell was made of.
  public let seed: UInt64, number: Int
  /// s.
  public let kind: Kind
  /// What the solve is done in.
  public let dtype: DType
  /// The batch and the unknowns of a sample.
  public let batch: Int, size: Int
  /// The spectral radius of W.
  public let radius: Double
  /// Whether samples may leave a solve.
  public let isRestrictable: Bool
  /// |f(z) - z| / |f(z)| at which solves end, and what estimators are asked for.
  public let tolerance: Double
  /// W [n, n], x, v and the first iterate [batch, n], all in float64 but exact in the dtype.
  public let weights: Tensor, input: Tensor, cotangent: Tensor, initial: Tensor

  /// The cell of a number.
  public init(seed: UInt64, number: Int) {
    self.init(seed: seed, number: number, radii: 0.1...1.2)
  }

  /// The cell of a number with the spectral radius in a range; if that reaches to both sides of 1,
  /// a quarter of the cells lies close below 1, where the difficulties are.
  init(seed: UInt64, number: Int, radii: ClosedRange<Double>) {
    var random = Philox(seed: seed).substream(UInt64(number))
    self.seed = seed
    self.number = number
    kind = Kind.allCases[number % 3]
    let dtype: DType = number / 3 % 2 == 0 ? .float64 : .float32
    self.dtype = dtype
    isRestrictable = number / 6 % 2 == 0
    size = min(24, 1 + Int(random.uniform(in: 0...24)))
    batch = min(6, 1 + Int(random.uniform(in: 0...6)))
    let isClose = random.uniform(in: 0...1) < 0.25 && radii.contains(1)
    radius = isClose ? 1 - pow(10, -random.uniform(in: 1...4)) : random.uniform(in: radii)
    let loose = random.uniform(in: 0...1)
    tolerance =
      dtype == .float32 ? (loose < 0.5 ? 1e-3 : 1e-5) : loose < 0.3 ? 1e-6 : pow(10, -10)
    func rounded(_ t: Tensor) -> Tensor { t.converted(to: dtype).converted(to: .float64) }
    weights = rounded(nonNormalMatrix(size, radius: radius, using: &random))
    let scale = random.uniform(in: 0.1...2)
    input = rounded(.normal([batch, size], dtype: .float64, using: &random) * scale)
    cotangent = rounded(.normal([batch, size], dtype: .float64, using: &random))
    let start: Tensor = .normal([batch, size], dtype: .float64, using: &random)
    initial = rounded(random.uniform(in: 0...1) < 0.5 ? start.zerosLike() : start * 0.5)
  }

  /// s(W z) + x for any weights and input of one dtype.
  public func image(_ z: Tensor, _ weights: Tensor, _ input: Tensor) -> Tensor {
    let y = z.matmul(weights, transposingOther: true)
    switch kind {
    case .linear: return y + input
    case .tanh: return y.tanh() + input
    case .rational: return y / (y.square() + 1) + input
    }
  }

  /// What and how large.
  public var description: String {
    "cell \(number) of seed \(seed): \(kind.rawValue), \(dtype), n = \(size), batch \(batch), "
      + "radius \(radius), tolerance \(tolerance)"
      + (isRestrictable ? "" : ", not restrictable")
  }
}

/// Q (D + N) Q^T with eigenvalues of modulus up to the radius, some in complex pairs, and a strictly
/// upper triangle N of any weight, up to twice the radius.
func nonNormalMatrix(_ n: Int, radius: Double, using random: inout Philox) -> Tensor {
  let normal = { (shape: Shape, random: inout Philox) -> Tensor in
    .normal(shape, dtype: .float64, using: &random)
  }
  let departure = radius * random.uniform(in: 0...2) / Double(n).squareRoot()
  let upper = normal([n, n], &random).scalars
  var entries = [Double](repeating: 0, count: n * n)
  for i in 0..<n {
    for j in i..<n where j > i { entries[i * n + j] = departure * upper[i * n + j] }
  }
  var row = 0
  while row < n {
    let modulus = row == 0 ? radius : radius * random.uniform(in: 0...1)
    let angle = random.uniform(in: 0...1) < 0.5 ? 0 : random.uniform(in: 0.1...3)
    if row + 1 < n, angle > 0 {
      let (c, s) = (modulus * cos(angle), modulus * sin(angle))
      entries[row * n + row] = c
      entries[(row + 1) * n + row + 1] = c
      entries[row * n + row + 1] = s
      entries[(row + 1) * n + row] = -s
      row += 2
    } else {
      entries[row * n + row] = random.uniform(in: 0...1) < 0.7 ? modulus : -modulus
      row += 1
    }
  }
  var matrix = Tensor(entries, shape: [n, n], dtype: .float64)
  for _ in 0..<2 {
    let axis = normal([1, n], &random)
    let square = axis.square().sum().scalar
    let reflection =
      Tensor.identity(n, dtype: .float64)
      - axis.matmul(axis, transposingSelf: true) * (2 / square)
    matrix = reflection.matmul(matrix).matmul(reflection)
  }
  return matrix
}
