import ImplicitLayers
import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// One mask of dropout for a whole solve.
@Suite struct VariationalDropoutTests {
  /// z -> tanh(mask(z) w + x), with the mask in its injection.
  private struct Cell: FixedPointLayer {
    struct Input {
      let x: Tensor
      let mask: DropoutMask
    }
    let w: Tensor
    var estimator: any BackwardEstimator = .exact
    var solver: any ForwardSolver = .picard()
    var stoppingRule = StoppingRule.tolerance(relative: 1e-13, limit: 300)

    func initialState(for u: Input) -> Tensor { u.x.zerosLike() }
    func step(_ z: Tensor, given u: Input) -> Tensor { (u.mask(z).matmul(w) + u.x).tanh() }
    func injection(_ u: Input, ofSamples positions: [Int]) -> Input? {
      Input(x: u.x.samples(positions), mask: u.mask.samples(positions))
    }
  }

  private static func mask(
    _ shape: Shape, rate: Double = 0.4, seed: UInt64 = 7
  ) -> DropoutMask {
    Dropout(rate).mask(shape, dtype: .float64, in: .training(noise: Philox(seed: seed)))
  }

  private static let x =
    testTensor([4, 6], seed: 3)
    * Tensor(
      [0.1, 1, 3, 0.5], shape: [4, 1], dtype: .float64)
  private static let w = testTensor([6, 6], seed: 4, scale: 0.3)

  @Test("a solve whose samples leave finds a fixed point of the masked map, sample by sample")
  func restriction() throws {
    let input = Cell.Input(x: Self.x, mask: Self.mask([4, 6]))
    let cell = Cell(w: Self.w)
    let solution = try cell.solve(input)
    #expect(solution.report.converged)
    #expect(
      solution.report.sampleEvaluations < 4 * solution.report.evaluations, "no sample left early")
    let image = cell.step(solution.value, given: input)
    #expect(difference(image, solution.value, absolute: 1e-12) == nil)
    let other = Cell.Input(x: Self.x, mask: Self.mask([4, 6], seed: 8))
    #expect(difference(try cell.solve(other).value, solution.value, absolute: 1e-3) != nil)
  }

  @Test(
    "gradients of all kinds are those of one map: recomputed, implicit, and of second order",
    arguments: [.unrolled, .unrolled(keeping: .squareRoot), .gmres(tolerance: 1e-13)]
      as [any BackwardEstimator], [1, 2])
  func derivatives(_ estimator: any BackwardEstimator, _ order: Int) throws {
    let mask = Self.mask([4, 6])
    func derivative(_ estimator: any BackwardEstimator) throws -> Tensor {
      let w = Self.w.variable()
      let z = try Cell(w: w, estimator: estimator)(.init(x: Self.x, mask: mask))
      let first = try #require(
        try gradients(of: z.square().sum(), creatingGraph: order == 2)[w])
      return order == 1 ? first : try #require(try gradients(of: first.square().sum())[w])
    }
    #expect(relativeError(try derivative(estimator), try derivative(.exact)) < 1e-8)
  }

  @Test("the gradient is that of differences of the solution")
  func differences() throws {
    let mask = Self.mask([4, 6])
    let fault = try gradientDifference([Self.w]) { parameters in
      try Cell(w: parameters[0])(.init(x: Self.x, mask: mask))
    }
    #expect(fault == nil)
  }

  @Test("on average nothing changes, and the share that is dropped is the rate")
  func expectedValue() throws {
    let (batch, rate) = (20_000, 0.3)
    let x = testTensor([1, 5], seed: 2, offset: 2)
    let rows = Tensor.zeros([batch, 5], dtype: .float64) + x
    let masked = Self.mask([batch, 5], rate: rate)(rows)
    // An element has the standard deviation x (rate / (1 - rate))^1/2; five of the mean's.
    for (mean, value) in zip(masked.mean(alongAxis: 0).scalars, x.scalars) {
      let deviation = abs(value) * (rate / (1 - rate) / Double(batch)).squareRoot()
      #expect(abs(mean - value) < 5 * deviation)
    }
    let dropped = masked.scalars.filter { $0 == 0 }.count
    #expect(abs(Double(dropped) / Double(5 * batch) - rate) < 0.01)
  }

  @Test("an axis of 1 shares its mask; samples do not; without a generator nothing is dropped")
  func shapes() {
    let x = Tensor.ones([3, 4, 50], dtype: .float64)
    let masked = Self.mask([3, 1, 50])(x)
    for sample in 0..<3 {
      let rows = masked.samples([sample]).reshaped([4, 50])
      #expect(rows.samples([0]).scalars == rows.samples([3]).scalars)
    }
    #expect(masked.samples([0]).scalars != masked.samples([1]).scalars)
    #expect(Dropout(0.5).mask([3, 4], in: .evaluation).factors == nil)
    #expect(Dropout(0.5).mask([3, 4], in: .evaluation)(x).scalars == x.scalars)
  }

  @Test("a mask that would extend what it masks is a mistake")
  func misfit() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Self.mask([4, 6])(.ones([1, 6], dtype: .float64))
    }
    #expect(errorText(result).contains("a mask of [4, 6] does not fit a tensor of [1, 6]"))
  }
}
