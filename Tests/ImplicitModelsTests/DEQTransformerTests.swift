import ImplicitLayers
import ImplicitModels
import NeuralLayers
import Tensors
import TestSupport
import Testing

@Suite struct DEQTransformerTests {
  private static func model(isCausal: Bool = false) -> DEQTransformer {
    var random = Philox(seed: 1)
    var model = stirred(
      DEQTransformer(6, heads: 2, hidden: 10, isCausal: isCausal, using: &random))
    (model.stoppingRule, model.estimator) = (exactly, .exact)
    return model
  }
  private let x = testTensor([2, 5, 6], seed: 2)

  @Test("z solves the published equation")
  func equation() throws {
    let model = Self.model()
    let z = try model(x)
    let product = { (x: Tensor, layer: Linear) in
      x.matmul(layer.weight.tensor.transposed())
    }
    let qkv =
      product(z, model.projection) + product(x, model.injection)
      + (try #require(model.injection.bias)).tensor
    let heads = (0..<2).map { head -> Tensor in
      let part = { (index: Int) in
        qkv.slice(6 * index + 3 * head..<6 * index + 3 * head + 3, alongAxis: 2)
      }
      let scores = part(0).matmul(part(1), transposingOther: true) / 3.0.squareRoot()
      return scores.softmax().matmul(part(2))
    }
    let attended = product(.concatenated(heads, alongAxis: 2), model.output)
    let a = model.attentionNorm(z + attended)
    #expect(difference(z, model.outputNorm(a + model.perceptron(a)), relative: 1e-10) == nil)
  }

  @Test("a causal equilibrium does not see the future, the other one knows no order")
  func order() throws {
    let later = Tensor.concatenated(
      [x.slice(0..<3, alongAxis: 1), testTensor([2, 2, 6], seed: 3)], alongAxis: 1)
    let causal = Self.model(isCausal: true)
    let (first, second) = (try causal(x), try causal(later))
    let past = { (z: Tensor) in z.slice(0..<3, alongAxis: 1) }
    #expect(difference(past(first), past(second), relative: 1e-10) == nil)
    #expect(relativeError(second, first) > 0.1)

    let model = Self.model()
    let order: IntTensor = [3, 0, 4, 1, 2]
    let moved = try model(x.gathered(order, alongAxis: 1))
    #expect(difference(moved, try model(x).gathered(order, alongAxis: 1), relative: 1e-10) == nil)
    #expect(relativeError(past(try model(later)), past(try model(x))) > 1e-3)
  }

  @Test(arguments: zip(solvers, estimators))
  func anySolver(_ solver: any ForwardSolver, _ estimator: any BackwardEstimator) throws {
    var model = Self.model()
    let reference = try model(x)
    (model.solver, model.estimator) = (solver, estimator)
    #expect(difference(try model(x), reference, relative: 1e-9) == nil)
  }

  @Test("the default takes no matrix of the whole state")
  func defaultEstimator() {
    var random = Philox(seed: 1)
    #expect(DEQTransformer(6, heads: 2, using: &random).estimator is KrylovAdjoint)
  }

  @Test("the gradient is that of the solution", arguments: [false, true])
  func gradient(_ isCausal: Bool) throws {
    try expectRightGradient(Self.model(isCausal: isCausal), x)
  }
}
