import Tensors
import TestFolders
import TestSupport
import Testing

/// A caller's mistake stops the process with a message that prints what did not fit.
@Suite struct MistakeTests {
  @Test func shapesThatCannotBeBroadcast() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3]) + Tensor.zeros([4, 5]) }
    #expect(errorText(result).contains("[2, 3] and [4, 5]"))
  }

  @Test func innerExtentsThatDiffer() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3]).matmul(Tensor.zeros([4, 5])) }
    #expect(errorText(result).contains("[2, 3] and [4, 5]"))
  }

  @Test("an extent that does not follow from the others")
  func openExtents() async {
    let remainder = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 5]).reshaped([3, -1]) }
    #expect(errorText(remainder).contains("[2, 5] has 10 elements"))
    #expect(errorText(remainder).contains("[3, -1]"))
    let two = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = IntTensor([1, 2, 3, 4]).reshaped([-1, 2, -1]) }
    #expect(errorText(two).contains("only one extent"))
    let any = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([0, 3]).reshaped([-1, 0]) }
    #expect(errorText(any).contains("any number could stand for -1"))
    let negative = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3]).reshaped([-2, 3]) }
    #expect(errorText(negative).contains("extent -2"))
  }

  @Test("a convolution whose bias or stride does not fit")
  func convolutions() async {
    for kernel: Int in [1, 3] {
      let bias = await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) { [kernel = kernel as Int] in
        _ = Tensor.zeros([1, 4, 4, 2]).convolution2D(
          .zeros([3, 2, kernel, kernel]), bias: .zeros([1]))
      }
      #expect(errorText(bias).contains("convolution2D needs a bias of shape [3], not [1]"))
    }
    let stride = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([1, 4, 4, 2]).convolution2D(.zeros([3, 2, 3, 3]), stride: 0) }
    #expect(errorText(stride).contains("a positive stride and a padding of 0 or more, not 0 and 0"))
    let transposed = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = Tensor.zeros([1, 4, 4, 2]).convolution2DTransposed(
        .zeros([2, 3, 3, 3]), bias: .zeros([1]))
    }
    #expect(errorText(transposed).contains("needs a bias of shape [3], not [1]"))
  }

  @Test("samples that do not exist, and samples that are replaced twice")
  func wrongSamples() async {
    let beyond = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([3, 2]).samples([0, 3, 1]) }
    #expect(errorText(beyond).contains("sample 3 does not exist in a batch of shape [3, 2]"))
    let negative = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([3, 2]).replacing([-1], .ones([1, 2])) }
    #expect(errorText(negative).contains("sample -1 does not exist in a batch of shape [3, 2]"))
    let twice = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([3, 2]).replacing([2, 0, 2], .ones([3, 2])) }
    #expect(errorText(twice).contains("a position occurs several times in [2, 0, 2]"))
  }

  @Test func mixedDTypes() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2]) + Tensor.zeros([2], dtype: .float64) }
    #expect(errorText(result).contains("float32 [2] and float64 [2]"))
  }

  @Test("a gradient that is set has the shape and the dtype of its variable")
  func gradientsThatAreSet() async {
    let dtype = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var table = Gradients()
      table[Tensor.zeros([2]).variable()] = .zeros([2], dtype: .float64)
    }
    #expect(
      errorText(dtype).contains(
        "variable that is float32 [2] cannot be float64 [2]"))
    let shape = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var table = Gradients()
      table[Tensor.zeros([2, 3]).variable()] = .zeros([3, 2])
    }
    #expect(
      errorText(shape).contains(
        "variable that is float32 [2, 3] cannot be float32 [3, 2]"))
    let constant = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var table = Gradients()
      table[Tensor.zeros([2])] = .zeros([2])
    }
    #expect(errorText(constant).contains("a constant has no gradient"))
    let x = Tensor.zeros([2, 3]).variable()
    var table = Gradients()
    table[x] = .ones([2, 3])
    #expect(table.count == 1)
    table[x] = nil
    #expect(table.count == 0)
  }

  @Test("gradients of one variable that are added have one shape and one dtype")
  func gradientsThatDiffer() async {
    let gradients = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let x = Tensor.zeros([2]).variable()
      var table = Gradients()
      table.set(jacobian: .zeros([2], dtype: .float64), of: x)
      try table.add(gradientsOf: x.sum())
    }
    #expect(errorText(gradients).contains("are float64 [2] and float32 [2]"))
    let tables = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let x = Tensor.zeros([2]).variable()
      var table = Gradients()
      table.set(jacobian: .zeros([3, 2]), of: x)
      table.add(try Tensors.gradients(of: x.sum()))
    }
    #expect(errorText(tables).contains("are float32 [3, 2] and float32 [2]"))
  }

  @Test func aLossThatIsNoScalar() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try gradients(of: Tensor.zeros([2, 3]).variable() * 2) }
    #expect(errorText(result).contains("[2, 3]"))
  }

  @Test func aGradientOfMoreThanOneNumber() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try gradient(at: Tensor.zeros([2, 3])) { $0 * 2 } }
    #expect(
      errorText(result).contains("[2, 3]")
        && errorText(result).contains("jacobian(at:of:)"))
  }

  @Test func aDirectionOfAnotherShape() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try jvp(at: Tensor.zeros([2, 3]), along: Tensor.zeros([3, 2])) { $0 * 2 } }
    #expect(
      errorText(result).contains("[3, 2]")
        && errorText(result).contains("[2, 3]"))
  }

  @Test func aTransformationOfACotangentThatIsNotDifferentiable() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try gradient(at: Tensor.ones([2])) { x in
        try gradient(at: x) { x in
          x.square().transformingCotangent(name: "sign") { $0 * 2 }.sum()
        }.sum()
      }
    }
    #expect(errorText(result).contains("sign has no second derivative"))
  }

  @Test func aSampleThatIsReplacedTwice() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([3, 2]).replacing([1, 0, 1], Tensor.ones([3, 2])) }
    #expect(errorText(result).contains("[1, 0, 1]"))
  }

  @Test func aGraphThatIsUsedTwice() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let x = Tensor(2).variable()
      let y = x * x
      _ = try gradients(of: y)
      _ = try gradients(of: y)
    }
    #expect(errorText(result).contains("retainingGraph"))
  }

  // What has no derivative says so, instead of returning a constant.

  @Test func aLinearSolveOfWhatIsRecorded() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try GMRES().solve(Tensor.ones([2, 3]).variable()) { $0 * 2 } }
    #expect(errorText(result).contains("[2, 3] that is recorded"))
    #expect(errorText(result).contains(".gmres()"))
  }

  @Test func aLinearSolveWithAnOperatorThatIsRecorded() async {
    for method in [0, 1] {
      let result =
        method == 0
        ? await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          let weight = Tensor(2).variable()
          _ = try GMRES().solve(Tensor.ones([2, 3])) { $0 * weight }
        }
        : await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          let weight = Tensor(2).variable()
          _ = try BiCGStab().solve(Tensor.ones([2, 3])) { $0 * weight }
        }
      #expect(errorText(result).contains("that is recorded"))
    }
  }

  @Test func decompositionsOfWhatIsRecorded() async {
    let values = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try Tensor.identity(3).variable().singularValues() }
    #expect(errorText(values).contains("singularValues has no derivative"))
    let eigen = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try Tensor.identity(3).variable().symmetricEigen() }
    #expect(errorText(eigen).contains("symmetricEigen has no derivative"))
    let factor = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try Tensor.identity(3).variable().triangularFactor() }
    #expect(errorText(factor).contains("triangularFactor has no derivative"))
    let least = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try LeastSquaresSolution(
        of: Tensor.ones([1, 3, 3]), right: Tensor.ones([1, 3]).variable())
    }
    #expect(errorText(least).contains("LUFactorization"))
  }

  @Test func productsOfALinearizationWithWhatIsRecorded() async {
    let forth = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try Linearization(at: Tensor.ones([2, 3])) { $0.sin() }
        .pushforward(Tensor.ones([2, 3]).variable())
    }
    #expect(errorText(forth).contains("jvp(at:along:of:)"))
    let back = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try Linearization(at: Tensor.ones([2, 3])) { $0.sin() }
        .pullback(Tensor.ones([2, 3]).variable())
    }
    #expect(errorText(back).contains("valueWithPullback"))
    let point = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try Linearization(at: Tensor.ones([2, 3]).variable()) { $0.sin() } }
    #expect(errorText(point).contains("a Linearization has no derivative"))
  }

  @Test func aJacobianOfAStructureWithProductsThatAreRecorded() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let weight = Tensor(2).variable()
      _ = try jacobiansOfSamples(like: Tensor.ones([2, 3]), structure: .banded(lower: 0, upper: 0))
      {
        $0 * weight
      }
    }
    #expect(errorText(result).contains(".dense"))
  }
}
