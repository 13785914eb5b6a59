import ImplicitLayers
import NeuralLayers
import Tensors

/// A monotone operator equilibrium network: z = max(W z + U x + b, 0) with exactly one solution, whatever
/// the parameters are.
///
/// ```swift
/// var model = MonotoneLayer(64, 32, monotonicity: 0.5, using: &random)
/// let z = try model(x).equilibrium     // [batch, 64] to [batch, 32]
/// ```
/// Winston and Kolter 2020, "Monotone operator equilibrium networks". W is parametrised as
///
///     W = (1 - m) I - A^T A + B - B^T,     so that     I - W >= m I
///
/// in its symmetric part (proposition 1). Then z solves the equation if and only if 0 is in F(z) +
/// G(z), with F(z) = (I - W) z - (U x + b), which is strongly monotone, and with G the
/// subdifferential of an indicator function, whose prox is the rectifier (theorem 1). W may become
/// as large as training makes it: z -> max(W z + ..., 0) need not contract, and its iteration need
/// not converge. The layer iterates a splitting instead, which converges; it can be combined with
/// any solver and any estimator.
public struct MonotoneLayer: Module, FixedPointLayer {
  /// The splitting that is iterated; the solution does not depend on it.
  public enum Splitting: Sendable, Equatable {
    /// z <- max(z - a ((I - W) z - (U x + b)), 0). It converges for a < 2 m / L^2 with L = |I - W|; the
    /// default, nil, is m / L^2, found for each solve by a singular value decomposition.
    case forwardBackward(step: Double? = nil)
    /// Peaceman and Rachford's: with V = (I + a (I - W))^-1,
    /// u <- 2 V (2 z - u + a (U x + b)) - (2 z - u), z = max(u, 0). It converges for every a > 0, mostly
    /// in far fewer iterations; the default is 1. V is computed once for each solve.
    case peacemanRachford(step: Double = 1)
  }

  /// The state that is iterated: u, whose positive part is z.
  ///
  /// In a forward-backward splitting, u equals z.
  public struct State: FixedPointState {
    /// The state u, [batch, out].
    public let beforeRectifier: Tensor

    /// z = max(u, 0), [batch, out]; it is the solution if u is a fixed point.
    public var equilibrium: Tensor { beforeRectifier.relu() }

    /// The state with a tensor u.
    public init(tensors: [Tensor]) { beforeRectifier = tensors[0] }

    /// The tensor u.
    public var tensors: [Tensor] { [beforeRectifier] }
  }

  /// The values that every iteration reads.
  public struct Injection {
    /// U x + b, [batch, out].
    public let source: Tensor
    /// The matrix of the splitting, I - W or V, [out, out].
    public let matrix: Tensor
    /// The step a.
    public let step: Double
  }

  /// The matrix A, [out, out]; "A" in checkpoints.
  public let dissipation: Parameter
  /// The matrix B, [out, out], of which only the antisymmetric part counts; "B" in checkpoints.
  public let rotation: Parameter
  /// The weight U and the bias b, [out, in] and [out].
  public let injection: Linear
  /// The monotonicity m.
  public let monotonicity: Double
  /// The splitting that is iterated.
  public let splitting: Splitting

  /// How the fixed point is found; default Picard iteration, with which the splitting converges.
  public var solver: any ForwardSolver = .picard()
  /// How gradients are computed; default exact.
  public var estimator: any BackwardEstimator = .exact
  /// When a solve stops; default at a relative residual of 1e-4, within 300 evaluations.
  public var stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 300)

  /// The injection is called U in checkpoints, as in the paper.
  public static let parameterNames = ["injection": "U"]

  /// A layer with random weights.
  ///
  /// - Parameters:
  ///   - inputSize: the width of x.
  ///   - outputSize: the width of z.
  ///   - monotonicity: m > 0. The smaller it is, the freer is W, and the slower is a splitting.
  ///     Default 1, as in the paper.
  ///   - splitting: the splitting that is iterated; default Peaceman and Rachford's.
  ///   - generator: the source of the weights, from which three draws are taken.
  public init(
    _ inputSize: Int, _ outputSize: Int, monotonicity: Double = 1,
    splitting: Splitting = .peacemanRachford(), using generator: inout Philox
  ) {
    expect(
      monotonicity > 0 && monotonicity.isFinite,
      "a monotone layer needs a positive m, not \(monotonicity): with 0 its solution may be none or many"
    )
    switch splitting {
    case .forwardBackward(let step?), .peacemanRachford(let step):
      expect(step > 0 && step.isFinite, "a splitting's step is positive, not \(step)")
    case .forwardBackward(nil): break
    }
    dissipation = Parameter(
      .xavierUniform([outputSize, outputSize], using: &generator), name: "A")
    rotation = Parameter(.xavierUniform([outputSize, outputSize], using: &generator), name: "B")
    injection = Linear(inputSize, outputSize, using: &generator)
    self.monotonicity = monotonicity
    self.splitting = splitting
  }

  /// I - W = m I + A^T A - B + B^T, [out, out].
  public var operatorMatrix: Tensor {
    let (a, b) = (dissipation.tensor, rotation.tensor)
    return Tensor.identity(a.shape[0], dtype: a.dtype) * monotonicity
      + a.matmul(a, transposingSelf: true) - b + b.transposed()
  }

  /// W, [out, out].
  public var weight: Tensor {
    Tensor.identity(dissipation.shape[0], dtype: dissipation.tensor.dtype) - operatorMatrix
  }

  /// The injection U x + b and the matrix of the splitting, computed once per solve.
  ///
  /// - Throws: `DecompositionFailure` or `LUFactorization.SingularMatrix` when parameters are not
  ///   finite.
  public func inject(_ x: Tensor) throws -> Injection {
    let matrix = operatorMatrix
    switch splitting {
    case .forwardBackward(let step):
      // The solution does not depend on the step, so the step may be a constant.
      let norm = try step == nil ? matrix.detached().singularValues().scalars.first ?? 1 : 1
      return Injection(
        source: injection(x), matrix: matrix, step: step ?? monotonicity / (norm * norm))
    case .peacemanRachford(let step):
      let shifted = Tensor.identity(matrix.shape[0], dtype: matrix.dtype) + matrix * step
      return Injection(source: injection(x), matrix: try shifted.inverse(), step: step)
    }
  }

  /// The initial state: zeros.
  public func initialState(for injection: Injection) -> State {
    State(tensors: [injection.source.zerosLike()])
  }

  /// One iteration of the splitting.
  public func step(_ state: State, given injection: Injection) -> State {
    let (u, z) = (state.beforeRectifier, state.equilibrium)
    let (matrix, scaled) = (injection.matrix, injection.source * injection.step)
    switch splitting {
    case .forwardBackward:
      let slope = z.matmul(matrix, transposingOther: true) * injection.step - scaled
      return State(tensors: [(z - slope).relu()])
    case .peacemanRachford:
      let reflected = 2 * z - u
      let resolved = (reflected + scaled).matmul(matrix, transposingOther: true)
      return State(tensors: [2 * resolved - reflected])
    }
  }

  /// The injection of some samples, which share the matrix.
  public func injection(_ injection: Injection, ofSamples positions: [Int]) -> Injection? {
    Injection(
      source: injection.source.samples(positions), matrix: injection.matrix, step: injection.step)
  }
}

extension MonotoneLayer: Layer {
  /// The solution z, [batch, out].
  ///
  /// - Throws: `UnconvergedSolve` when a sample does not meet the tolerance.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    try self(x).equilibrium
  }
}
