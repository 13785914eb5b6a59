import NeuralLayers
import Tensors
import TestSupport
import Testing
import Training

@Suite struct OptimizerTests {
  /// Two steps worked out by hand from the formulas of Kingma and Ba.
  @Test("Adam's first steps", arguments: [DType.float32, .float64])
  func adam(_ dtype: DType) throws {
    let parameter = Parameter(Tensor([1, -2], shape: [2], dtype: dtype))
    let still = Parameter(Tensor([5], shape: [1], dtype: dtype))
    let named = [NamedParameter("w", parameter), NamedParameter("still", still)]
    var optimizer = Adam()
    var (m, v) = ([0.0, 0.0], [0.0, 0.0])
    var expected = [1.0, -2.0]
    for step in 1...2 {
      let gradient = expected.map { 2 * $0 }
      let table = try gradients(of: parameter.tensor.square().sum())
      optimizer.step(named, gradients: table, scale: 0.5) { $0 == "w" ? 0.1 : 0.2 }
      for index in 0..<2 {
        let g = 0.5 * gradient[index]
        m[index] = 0.9 * m[index] + 0.1 * g
        v[index] = 0.999 * v[index] + 0.001 * g * g
        let (c1, c2) = (1 - (step == 1 ? 0.9 : 0.81), 1 - (step == 1 ? 0.999 : 0.998001))
        expected[index] -= 0.1 * (m[index] / c1) / ((v[index] / c2).squareRoot() + 1e-8)
      }
      #expect(
        difference(
          parameter.tensor.scalars, expected, absolute: dtype == .float32 ? 1e-6 : 1e-14) == nil)
    }
    #expect(still.tensor.scalars == [5])
    #expect(optimizer.stepCount == 2)
  }

  @Test func copiesOfAnOptimizerDoNotShareMoments() throws {
    let parameter = Parameter(Tensor([1], shape: [1], dtype: .float64))
    let named = [NamedParameter("w", parameter)]
    var first = Adam()
    let table = try gradients(of: parameter.tensor.square().sum())
    let start = parameter.tensor
    first.step(named, gradients: table) { _ in 0.1 }
    var second = first
    func after(_ optimizer: inout Adam) throws -> [Double] {
      parameter.assign(start)
      let table = try gradients(of: parameter.tensor.square().sum())
      optimizer.step(named, gradients: table) { _ in 0.1 }
      return parameter.tensor.scalars
    }
    #expect(try after(&first) == after(&second))
  }

  @Test func normsAndClipping() throws {
    let a = Parameter(Tensor([3, -7], shape: [2], dtype: .float64))
    let b = Parameter(Tensor([1], shape: [1], dtype: .float64))
    let unused = Parameter(Tensor([1], shape: [1], dtype: .float64))
    let named = [NamedParameter("a", a), NamedParameter("b", b), NamedParameter("unused", unused)]
    let table = try gradients(of: a.tensor.square().sum() / 2 + b.tensor.sum())
    let norm = GradientNorm(of: named, in: table)
    #expect(norm.infinity == 7)
    #expect(abs(norm.euclidean - (9.0 + 49 + 1).squareRoot()) < 1e-14)
    #expect(norm.firstNonFinite == nil)
    #expect(abs(norm.clippingFactor(bound: 1) - 1 / 7.000001) < 1e-15)
    #expect(norm.clippingFactor(bound: 100) == 1)
    #expect(
      abs(norm.clippingFactor(euclideanBound: 1) - 1 / (59.0.squareRoot() + 1e-6)) < 1e-15)
    #expect(norm.clippingFactor(euclideanBound: 8) == 1)

    let broken = try gradients(of: (b.tensor * .infinity).sum())
    #expect(GradientNorm(of: named, in: broken).firstNonFinite == "b")
  }

  @Test func plateaus() {
    var plateau = PlateauDecay(patience: 2)
    for loss in [5.0, 4, 4, 3, 3.5] { plateau.observe(loss) }
    #expect(plateau.factor == 1)
    plateau.observe(3)
    #expect(plateau.factor == 0.5)
    plateau.observe(9)
    plateau.observe(9)
    #expect(plateau.factor == 0.25)
    #expect(plateau.best == 3)
  }
}
