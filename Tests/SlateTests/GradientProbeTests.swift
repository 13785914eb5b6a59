import NeuralLayers
import ObjectCentric
import Tensors
import Testing

@testable import slate

/// The measurements at the slots' fixed point, beside dense linear algebra in double precision.
@Suite struct GradientProbeTests {
  private static func configuration(_ gradient: String) throws -> RunConfiguration {
    let choice = try #require(GradientChoice(gradient))
    return try .tiny { ($0.gradient, $0.iterations) = (choice, 5) }
  }

  private static func model(_ configuration: RunConfiguration) -> SLATE {
    var weights = Philox(seed: 2)
    var model = SLATE(configuration.model, using: &weights)
    configuration.apply(to: &model)
    return model
  }

  private static let images: Tensor = {
    var draws = Philox(seed: 3)
    return .uniform([3, 16, 16, 3], using: &draws)
  }()

  private static func measured(_ gradient: String) throws -> ProbeMeasurement {
    let configuration = try configuration(gradient)
    return try GradientProbe(model: model(configuration), configuration: configuration)
      .measure(images, temperature: 0.8, noise: Philox(seed: 4))
  }

  /// For each of the first two images I - J at the slots after five applications, v = dL/dz at those
  /// after six, where the solve ends, and the residual there.
  private struct Reference {
    let jacobian: Tensor
    let cotangent: Tensor
    let residuals: [Double]

    init() throws {
      let configuration = try GradientProbeTests.configuration("implicit")
      let model = GradientProbeTests.model(configuration)
      model.convertParameters(to: .float64)
      var draws = Philox(seed: 4)
      let noise = configuration.noise(batch: 2, using: &draws)
      let images = GradientProbeTests.images.slice(0..<2).converted(to: .float64)
      let (input, loss) = model.slotProblem(
        of: images,
        noise: SLATE.Noise(
          gumbelRelaxed: noise.gumbelRelaxed.converted(to: .float64),
          gumbelHard: noise.gumbelHard.converted(to: .float64),
          slots: noise.slots.converted(to: .float64)))
      let cell = model.slotAttn.slotAttention
      let injection = cell.inject(input)
      var z = input.initialSlots.detached()
      for _ in 0..<5 { z = cell.step(z, given: injection).detached() }
      jacobian = try jacobiansOfSamples(at: z) { cell.step($0, given: injection) }.detached()
      let end = cell.step(z, given: injection).detached()
      cotangent = try gradient(at: end) { loss($0) }.reshaped([2, 18])
      let next = cell.step(end, given: injection).detached()
      let (lengths, norms) = ((next - end).normsOfSamples, next.normsOfSamples)
      residuals = zip(lengths, norms).map { $0 / $1 }
    }

    /// u = (I - J^T)^-1 v.
    func exact() throws -> Tensor {
      let identity = Tensor(
        (0..<324).map { $0 % 19 == 0 ? 1 : 0 }, shape: [1, 18, 18], dtype: .float64)
      return try (identity - jacobian).transposed().solving(cotangent)
    }

    /// The sum of `terms` terms (J^T)^k v.
    func series(_ terms: Int) -> Tensor {
      var (term, sum) = (cotangent, cotangent)
      for _ in 1..<terms {
        term = jacobian.matmul(term.reshaped([2, 18, 1]), transposingSelf: true).reshaped([2, 18])
        sum = sum + term
      }
      return sum
    }
  }

  private static func mean(_ numbers: [Double]) -> Double {
    numbers.reduce(0, +) / Double(numbers.count)
  }

  @Test(
    "the estimator's adjoint beside the exact one, and the cell where the solve ends",
    arguments: [("implicit", 1), ("neumann:3", 3)])
  func series(_ gradient: String, _ terms: Int) throws {
    let (found, reference) = (try Self.measured(gradient), try Reference())
    let (w, u) = (reference.series(terms), try reference.exact())
    let overlaps = w.innerProductsOfSamples(with: u)
    let (wNorms, uNorms) = (w.normsOfSamples, u.normsOfSamples)
    let cosine = Self.mean((0..<2).map { overlaps[$0] / (wNorms[$0] * uNorms[$0]) })
    let ratio = Self.mean((0..<2).map { wNorms[$0] / uNorms[$0] })
    // Float32, whose rounding the condition of I - J enlarges; the estimator's own error is a hundred times
    // as large.
    #expect(abs(found.cosine - cosine) < 1e-4 && cosine < 0.99, "\(found.cosine), \(cosine)")
    #expect(abs(found.normRatio - ratio) < 1e-3 * ratio, "\(found.normRatio), \(ratio)")
    #expect(abs(ratio - 1) > 0.01, "\(ratio)")
    let residual = Self.mean(reference.residuals)
    #expect(abs(found.relativeResidual - residual) < 1e-3 * residual)
    #expect(found.iterations == 6)
    // Power iteration approaches the largest singular value from below.
    let norm = Self.mean(
      try (0..<2).map { sample in
        let matrix = reference.jacobian.slice(sample..<sample + 1).reshaped([18, 18])
        return try matrix.singularValues().scalars.max() ?? .nan
      })
    #expect(found.spectralNorm < (1 + 1e-4) * norm && found.spectralNorm > 0.99 * norm)
    #expect(found.seconds > 0)
  }

  @Test("the exact gradient has the exact adjoint")
  func exact() throws {
    let found = try Self.measured("exact")
    #expect(abs(found.cosine - 1) < 1e-5 && abs(found.normRatio - 1) < 1e-5)
    #expect(found.spectralNorm == (try Self.measured("implicit")).spectralNorm)
  }

  @Test("unrolling has no adjoint to be compared, but the cell is measured all the same")
  func unrolled() throws {
    let (found, implicit) = (try Self.measured("unrolled"), try Self.measured("implicit"))
    #expect(found.cosine.isNaN && found.normRatio.isNaN)
    #expect(found.spectralNorm > 0 && found.spectralNorm.isFinite)
    #expect(found.relativeResidual > 0 && found.relativeResidual.isFinite)
    #expect(implicit.cosine.isFinite)
  }
}
