import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

private struct Pair: FixedPointState {
  var matrix: Tensor, vector: Tensor
  var tensors: [Tensor] { [matrix, vector] }
  init(tensors: [Tensor]) { (matrix, vector) = (tensors[0], tensors[1]) }
}

/// A pair in which the vector is a millionth of the matrix in size.
private struct WeighedPair: FixedPointState {
  var matrix: Tensor, vector: Tensor
  var tensors: [Tensor] { [matrix, vector] }
  init(tensors: [Tensor]) { (matrix, vector) = (tensors[0], tensors[1]) }
  static var weights: [Double]? { [1, 1e6] }
}

@Suite struct FixedPointStateTests {
  private let start = Pair(tensors: [
    .zeros([2, 3, 2], dtype: .float64), .zeros([2, 5], dtype: .float64),
  ])
  private let mixing = testTensor([11, 11], seed: 2, scale: 0.25)
  private let offset = testTensor([2, 11], seed: 3)

  /// tanh(W z + x) on the whole state, written on its tensors.
  private func step(_ state: Pair, _ w: Tensor, _ x: Tensor) -> Pair {
    let flat = Tensor.concatenated(
      [state.matrix.reshaped([2, 6]), state.vector], alongAxis: 1)
    let image = (flat.matmul(w) + x).tanh()
    return Pair(tensors: [
      image.slice(0..<6, alongAxis: 1).reshaped([2, 3, 2]), image.slice(6..<11, alongAxis: 1),
    ])
  }

  @Test(
    "a struct of tensors behaves as the concatenated tensor, in every solver and estimator",
    arguments: TestedSolver.defaults,
    [.exact, .unrolled, .neumann(terms: 200)] as [any BackwardEstimator])
  func equalsOneTensor(_ tested: TestedSolver, _ estimator: any BackwardEstimator) throws {
    let (solver, rule) = (tested.solver, StoppingRule.tolerance(relative: 1e-13, limit: 400))
    let (w, x) = (mixing.variable(), offset.variable())
    let pair = try fixedPoint(from: start, using: solver, estimator: estimator, until: rule) {
      step($0, w, x)
    }
    let cotangents = (testTensor([2, 3, 2], seed: 5), testTensor([2, 5], seed: 6))
    let loss = (pair.matrix * cotangents.0).sum() + (pair.vector * cotangents.1).sum()
    let table = try gradients(of: loss)

    let (w1, x1) = (mixing.variable(), offset.variable())
    let whole = try fixedPoint(
      from: .zeros([2, 11], dtype: .float64), using: solver, estimator: estimator, until: rule
    ) { z in (z.matmul(w1) + x1).tanh() }
    let cotangent = Tensor.concatenated(
      [cotangents.0.reshaped([2, 6]), cotangents.1], alongAxis: 1)
    let expected = try gradients(of: (whole * cotangent).sum())
    #expect(
      difference(
        pair.vector.detached(), whole.detached().slice(6..<11, alongAxis: 1), absolute: 1e-12)
        == nil)
    for (one, other) in [(w, w1), (x, x1)] {
      let (a, b) = (try #require(table[one]), try #require(expected[other]))
      #expect(difference(a, b, relative: 1e-11) == nil)
    }
  }

  @Test("weights keep a large tensor from hiding a small one")
  func weights() throws {
    // The vector is a millionth of the matrix, and converges more slowly.
    let rule = StoppingRule.tolerance(relative: 1e-6, limit: 200)
    func solve<State: FixedPointState>(_ initial: State) throws -> State {
      try fixedPoint(from: initial, until: rule) { state in
        State(tensors: [state.tensors[0] * 0.1 + 1, state.tensors[1] * 0.9 + 1e-7])
      }
    }
    let plain = try solve(start).vector.scalars[0]
    let weighed = try solve(WeighedPair(tensors: start.tensors)).vector.scalars[0]
    #expect(abs(plain / 1e-6 - 1) > 1e-2)
    #expect(abs(weighed / 1e-6 - 1) < 1e-4)
  }

  @Test("a layer of several tensors, its samples leaving as they converge")
  func layer() throws {
    struct Cell: FixedPointLayer {
      var solver: any ForwardSolver = .anderson()
      var estimator: any BackwardEstimator = .exact
      let stoppingRule = StoppingRule.tolerance(relative: 0, absolute: 1e-12, limit: 200)
      func initialState(for x: Tensor) -> Pair {
        Pair(tensors: [.zeros([x.shape[0], 3, 2], dtype: .float64), x.zerosLike()])
      }
      func step(_ state: Pair, given x: Tensor) -> Pair {
        let mean = state.matrix.mean(alongAxis: 2).mean(alongAxis: 1, keepingAxis: true)
        return Pair(tensors: [
          (state.matrix * 0.5 + state.vector.mean(alongAxis: 1).reshaped([x.shape[0], 1, 1]))
            .tanh(),
          x * state.vector + mean + 0.1,
        ])
      }
      func injection(_ x: Tensor, ofSamples positions: [Int]) -> Tensor? { x.samples(positions) }
    }
    let x = Tensor((0..<15).map { 0.06 * Double($0) }, shape: [3, 5], dtype: .float64)
    let cell = Cell()
    let together = try cell.solve(x)
    #expect(together.report.converged)
    #expect(together.report.sampleEvaluations < 3 * together.report.evaluations)
    let state = try cell(x)
    #expect(state.matrix.shape == [3, 3, 2] && state.vector.shape == [3, 5])
    #expect(together.value.vector.scalars == state.vector.scalars)
    let image = cell.step(state, given: x)
    #expect(difference(image.vector.detached(), state.vector.detached(), absolute: 1e-11) == nil)
    #expect(difference(image.matrix.detached(), state.matrix.detached(), absolute: 1e-11) == nil)
  }

  @Test("an image whose tensors have other shapes is named with both")
  func anotherShape() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let start = Pair(tensors: [.zeros([2, 3, 2]), .zeros([2, 5])])
      _ = try fixedPoint(from: start) { state in
        Pair(tensors: [state.matrix, state.vector.slice(0..<4, alongAxis: 1)])
      }
    }
    let message = errorText(result)
    #expect(message.contains("[3, 2], [5]"), "\(message)")
    #expect(message.contains("[3, 2], [4]"), "\(message)")
  }
}
