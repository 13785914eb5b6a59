import ImplicitLayers
import ImplicitModels
import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// Group norm, written plainly.
private func groupNorm(_ x: Tensor, _ norm: GroupNorm) -> Tensor {
  let shape = x.shape
  let parts = x.reshaped([shape[0], shape[1], shape[2], norm.groups, shape[3] / norm.groups])
  let centred = parts - parts.mean(alongAxes: [1, 2, 4], keepingAxes: true)
  let variance = centred.square().mean(alongAxes: [1, 2, 4], keepingAxes: true)
  return (centred / (variance + 1e-5).sqrt()).reshaped(shape) * norm.weight.tensor
    + norm.bias.tensor
}

/// The published block, written plainly.
private func block(_ block: EquilibriumBlock, _ z: Tensor, _ x: Tensor?) -> Tensor {
  let conv = { (x: Tensor, layer: Convolution2D) in
    x.convolution2D(layer.weight.tensor, padding: 1)
  }
  let tilde = groupNorm(conv(z, block.first), block.firstNorm)
  let inner = conv(tilde.relu(), block.second)
  let hat = groupNorm(x.map { inner + $0 } ?? inner, block.secondNorm)
  return groupNorm((hat + z).relu(), block.outputNorm)
}

@Suite struct DEQConvolutionTests {
  private static func model() -> DEQConvolution {
    var random = Philox(seed: 1)
    var model = stirred(DEQConvolution(2, 6, groups: 3, using: &random))
    (model.stoppingRule, model.estimator) = (exactly, .exact)
    return model
  }
  private let x = testTensor([2, 4, 5, 2], seed: 2, scale: 2)

  @Test("z solves the published equation, and only an injected image does")
  func equation() throws {
    let model = Self.model()
    let z = try model(x)
    let injected = x.convolution2D(
      model.injection.weight.tensor, bias: model.injection.bias?.tensor, padding: 1)
    #expect(difference(z, block(model.block, z, injected), relative: 1e-10) == nil)
    #expect(relativeError(block(model.block, z, nil), z) > 0.1)
  }

  @Test("channels of a group have the deviation that the last norm gives")
  func norm() throws {
    let model = Self.model()
    model.block.outputNorm.weight.assign(.ones([6], dtype: .float64))
    model.block.outputNorm.bias.assign(.zeros([6], dtype: .float64))
    let groups = try model(x).reshaped([2, 4, 5, 3, 2])
    let (mean, square) = (
      groups.mean(alongAxes: [1, 2, 4]), groups.square().mean(alongAxes: [1, 2, 4])
    )
    #expect(difference(mean, .zeros([2, 3], dtype: .float64), absolute: 1e-12) == nil)
    #expect(difference(square, .ones([2, 3], dtype: .float64), absolute: 1e-3) == nil)
  }

  @Test(arguments: zip(solvers, estimators))
  func anySolver(_ solver: any ForwardSolver, _ estimator: any BackwardEstimator) throws {
    var model = Self.model()
    let reference = try model(x)
    let weight = model.block.first.weight.tensor
    let loss = { (z: Tensor) in (z * testTensor([2, 4, 5, 6], seed: 4)).sum() }
    let expected = try #require(gradients(of: loss(reference))[weight])
    (model.solver, model.estimator) = (solver, estimator)
    let z = try model(x)
    #expect(difference(z, reference, relative: 1e-9) == nil)
    let gradient = try #require(gradients(of: loss(z))[weight])
    #expect(difference(gradient, expected, relative: 1e-7) == nil)
  }

  @Test func gradient() throws { try expectRightGradient(Self.model(), x) }

  @Test("by default gradients take products with J, and no matrix")
  func products() throws {
    var random = Philox(seed: 1)
    var model = stirred(DEQConvolution(2, 6, groups: 3, using: &random))
    model.stoppingRule = exactly
    try expectProducts(model, beside: Self.model(), testTensor([2, 8, 8, 2], seed: 2, scale: 2))
  }
}

@Suite struct DEQTwoScalesTests {
  private static func model() -> DEQTwoScales {
    var random = Philox(seed: 3)
    var model = stirred(DEQTwoScales(2, fine: 4, coarse: 6, groups: 2, using: &random))
    (model.stoppingRule, model.estimator) = (exactly, .exact)
    return model
  }
  private let x = testTensor([2, 4, 6, 2], seed: 2, scale: 2)

  @Test("both scales solve the published equation, with each other's part")
  func equation() throws {
    let model = Self.model()
    let z = try model(x)
    #expect(z.fine.shape == [2, 4, 6, 4] && z.coarse.shape == [2, 2, 3, 6])
    let injected = x.convolution2D(
      model.injection.weight.tensor, bias: model.injection.bias?.tensor, padding: 1)
    let (fine, coarse) = (
      block(model.fineBlock, z.fine, injected), block(model.coarseBlock, z.coarse, nil)
    )
    let down = groupNorm(
      fine.convolution2D(model.down.weight.tensor, stride: 2, padding: 1), model.downNorm)
    // Pixel (y, x) of the fine scale sees pixel (y / 2, x / 2) of the coarse one.
    let up = groupNorm(coarse.convolution2D(model.up.weight.tensor), model.upNorm)
      .gathered([0, 0, 1, 1], alongAxis: 1).gathered([0, 0, 1, 1, 2, 2], alongAxis: 2)
    #expect(difference(z.fine, fine + up, relative: 1e-10) == nil)
    #expect(difference(z.coarse, coarse + down, relative: 1e-10) == nil)
  }

  @Test("each scale depends on the other's parameters")
  func exchange() throws {
    let model = Self.model()
    let z = try model(x)
    let (v, w) = (testTensor(z.fine.shape, seed: 4), testTensor(z.coarse.shape, seed: 5))
    let fine = try gradients(of: (z.fine * v).sum() + 0 * z.coarse.sum())
    #expect(try #require(fine[model.coarseBlock.first.weight.tensor]).largestMagnitude > 1e-3)
    let again = try model(x)
    let coarse = try gradients(of: (again.coarse * w).sum() + 0 * again.fine.sum())
    #expect(try #require(coarse[model.fineBlock.first.weight.tensor]).largestMagnitude > 1e-3)
  }

  @Test(arguments: zip(solvers, estimators))
  func anySolver(_ solver: any ForwardSolver, _ estimator: any BackwardEstimator) throws {
    var model = Self.model()
    let reference = try model(x)
    (model.solver, model.estimator) = (solver, estimator)
    let z = try model(x)
    #expect(difference(z.fine, reference.fine, relative: 1e-9) == nil)
    #expect(difference(z.coarse, reference.coarse, relative: 1e-9) == nil)
  }

  @Test func gradient() throws { try expectRightGradient(Self.model(), x) }

  @Test("by default gradients take products with J, and no matrix")
  func products() throws {
    var random = Philox(seed: 3)
    var model = stirred(DEQTwoScales(2, fine: 4, coarse: 6, groups: 2, using: &random))
    model.stoppingRule = exactly
    try expectProducts(model, beside: Self.model(), testTensor([2, 8, 8, 2], seed: 2, scale: 2))
  }

  @Test func anOddImageIsAMistake() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Self.model().inject(.zeros([1, 4, 5, 2], dtype: .float64)) }
    let message = errorText(result)
    #expect(message.contains("[1, 4, 5, 2]"))
  }
}
