import ImplicitLayers
import Synchronization
import Tensors
import TestSupport
import Testing

/// A task that is cancelled ends its solve, or its backward pass, within an evaluation.
///
/// The map counts its evaluations and its products with J and J^T, and cancels its own task at one of
/// them, so that no test depends on time. Every one of them is tried.
@Suite struct CancellationTests {
  /// What a map has done, and when it cancels.
  private final class Calls: Sendable {
    private let state = Mutex((count: 0, cancelling: Int?.none))

    var count: Int { state.withLock { $0.count } }

    /// Counts from 0 again; nil cancels nothing.
    func start(cancelling call: Int?) { state.withLock { $0 = (0, call) } }

    func note() {
      let isLast = state.withLock {
        $0.count += 1
        return $0.count == $0.cancelling
      }
      if isLast { withUnsafeCurrentTask { $0?.cancel() } }
    }
  }

  /// z -> tanh(z W + b), whose operators note each evaluation, J^T v and J s.
  private struct CountedTanh: Sendable {
    let calls = Calls()
    let weight = testTensor([6, 6], seed: 3, scale: 0.35)

    func callAsFunction(_ z: Tensor, _ b: Tensor) throws -> Tensor {
      let (calls, weight) = (calls, weight)
      return try CustomOperator("tanh") { inputs in
        calls.note()
        return (inputs[0].matmul(weight) + inputs[1]).tanh()
      } pullback: { v, _, y in
        let slope = 1 - y.detached().square()
        let product = CustomOperator("product with J^T") { inputs in
          calls.note()
          return (inputs[0] * slope).matmul(weight, transposingOther: true)
        } pullback: { u, _, _ in
          calls.note()
          return [u.matmul(weight) * slope]
        }
        return [try product(v), v * slope]
      }.of([z, b])
    }
  }

  /// How many calls `body` makes from where it starts them, and whether it was cancelled.
  private func run(
    _ calls: Calls, cancelling call: Int?, _ body: @escaping @Sendable (() -> Void) throws -> Void
  ) async throws -> (count: Int, isCancelled: Bool) {
    try await Task {
      do {
        try body { calls.start(cancelling: call) }
        return (calls.count, false)
      } catch is CancellationError {
        return (calls.count, true)
      }
    }.value
  }

  /// Expects `body` to end after at most `more` calls, whichever of them cancels the task.
  private func expectPrompt(
    _ calls: Calls, atLeast least: Int = 1, more: Int = 1,
    _ body: @escaping @Sendable (() -> Void) throws -> Void
  ) async throws {
    let total = try await run(calls, cancelling: nil, body).count
    #expect(total >= least, "\(total) calls")
    for call in 1...max(total, 1) {
      let found = try await run(calls, cancelling: call, body)
      #expect(
        found.count <= call + more, "cancelled at \(call) of \(total), ended at \(found.count)")
      // What is nearly done may end.
      #expect(found.isCancelled || call + more >= total, "cancelled at \(call) of \(total)")
    }
  }

  private static let input = testTensor([2, 6], seed: 4)

  @Test("solves to a tolerance", arguments: TestedSolver.all)
  func solves(_ tested: TestedSolver) async throws {
    let map = CountedTanh()
    for rule in [
      StoppingRule.tolerance(relative: 1e-10, limit: 400),
      .accuracy(relative: 1e-10, limit: 400),
    ] {
      try await expectPrompt(map.calls, atLeast: 8) { start in
        start()
        _ = try tested.solver.solve(
          { try map($0, Self.input) }, from: Self.input.zerosLike(), until: rule)
      }
    }
  }

  /// L = sum (r^2 + r^4), r = x A - c, with badly conditioned A, so that a direction takes many products.
  @Test("minima", arguments: TestedSolver.descents)
  func minima(_ tested: TestedSolver) async throws {
    let calls = Calls()
    let matrix = Tensor.identity(6, dtype: .float64) * 0.2 + testTensor([6, 6], seed: 5)
    let residual = CustomOperator("residual") { inputs in
      calls.note()
      return inputs[0].matmul(matrix) - 1
    } pullback: { v, _, _ in
      let product = CustomOperator("product with A^T") { inputs in
        calls.note()
        return inputs[0].matmul(matrix, transposingOther: true)
      } pullback: { u, _, _ in
        calls.note()
        return [u.matmul(matrix)]
      }
      return [try product(v)]
    }
    // An evaluation of the loss and one of its gradient take three calls, a product with its Hessian two.
    try await expectPrompt(calls, atLeast: 30, more: 3) { start in
      start()
      let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-8, limit: 400)
      _ = try minimum(
        of: { x in
          let r = try residual(x)
          return (r.square() + r.square().square()).sum(alongAxis: 1)
        }, from: Self.input, using: tested.solver, until: rule)
    }
  }

  @Test(
    "backward passes that estimate the adjoint",
    arguments: TestedEstimator.all.filter { $0.makeAdjoint != nil })
  func adjoints(_ tested: TestedEstimator) async throws {
    let map = CountedTanh()
    let most = tested.series.map { $0.terms } ?? 4
    // The inverse that a solver has learned, as it is, costs no product.
    try await expectPrompt(map.calls, atLeast: tested.needsInverse ? 1 : min(most, 4)) { start in
      let b = Self.input.variable()
      let z = try fixedPoint(
        from: Self.input.zerosLike(), using: tested.needsInverse ? .broyden() : .picard(),
        estimator: tested.make(.init(tolerance: 1e-10)),
        until: .tolerance(relative: 1e-12, limit: 400)
      ) { try map($0, b) }
      let loss = z.square().sum()
      start()
      _ = try gradients(of: loss)
    }
  }

  @Test(
    "backward passes of Newton steps",
    arguments: TestedSolver.defaults.filter(\.takesDerivatives))
  func newtonSteps(_ tested: TestedSolver) async throws {
    let map = CountedTanh()
    try await expectPrompt(map.calls, atLeast: 5) { start in
      let b = Self.input.variable()
      let z = try fixedPoint(
        from: Self.input.zerosLike(), using: tested.solver, estimator: .unrolled,
        until: .tolerance(relative: 1e-12, limit: 400)
      ) { try map($0, b) }
      let loss = z.square().sum()
      start()
      _ = try gradients(of: loss)
    }
  }

  @Test("iterations that are run backwards, and run again where the gradient is recorded")
  func reversible() async throws {
    let map = CountedTanh()
    @Sendable func pass(_ start: () -> Void, creatingGraph: Bool) throws {
      let b = Self.input.variable()
      let z = try fixedPoint(
        from: Self.input.zerosLike(), using: .paired(), estimator: .reversible(),
        until: .evaluations(24)
      ) { try map($0, b) }
      let loss = z.square().sum()
      start()
      _ = try gradients(of: loss, creatingGraph: creatingGraph)
    }
    try await expectPrompt(map.calls, atLeast: 40) { try pass($0, creatingGraph: false) }
    let again = try await run(map.calls, cancelling: 3) { try pass($0, creatingGraph: true) }
    #expect(again == (3, true))
  }

  @Test(
    "linear systems",
    arguments: [GMRES(tolerance: 1e-12), BiCGStab(tolerance: 1e-12)] as [any LinearSolver])
  func linearSystems(_ solver: any LinearSolver) async throws {
    let calls = Calls()
    let matrix = testTensor([6, 6], seed: 6, scale: 0.2)
    try await expectPrompt(calls, atLeast: 6) { start in
      start()
      _ = try solver.solve(Self.input) { x in
        calls.note()
        return x - x.matmul(matrix)
      }
    }
  }
}
