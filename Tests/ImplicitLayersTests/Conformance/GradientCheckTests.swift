import ConformanceChecks
import ImplicitLayers
import NeuralLayers
import Synchronization
import Tensors
import TestSupport
import Testing

private struct Cell: FixedPointLayer {
  let w: Tensor
  var estimator: any BackwardEstimator = .exact
  var stoppingRule = StoppingRule.tolerance(relative: 1e-11, limit: 300)
  var activation: @Sendable (Tensor) -> Tensor = { $0.tanh() }
  func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
  func step(_ z: Tensor, given x: Tensor) -> Tensor { activation(z.matmul(w) + x) }
}

/// The check of a cell of 5 unknowns and 3 samples.
private func check(
  dtype: DType = .float64, scale: Double = 0.4, _ change: (inout Cell) -> Void
) throws -> GradientCheck {
  let w = testTensor([5, 5], seed: 2, scale: scale, dtype: dtype)
  let x = testTensor([3, 5], seed: 3, dtype: dtype)
  return try checkGradient(at: [("w", w), ("x", x)]) { values in
    var cell = Cell(w: values[0])
    change(&cell)
    return (cell, values[1])
  }
}

/// Every fault of a gradient is found, and has its own name.
@Suite struct GradientCheckTests {
  @Test(
    "a right layer passes with every accurate estimator",
    arguments: TestedEstimator.accurate + TestedEstimator.everyStep)
  func rightLayer(_ tested: TestedEstimator) throws {
    let estimator = tested.make(.init(tolerance: 1e-10))
    let check = try check { $0.estimator = estimator }
    #expect(check.passed, "\(check)")
    #expect(check.entries.map(\.name) == ["w", "x"])
    for entry in check.entries {
      guard case .agrees(let digits) = entry.verdict else { continue }
      #expect(digits >= 8, "\(check)")
      #expect(entry.step < 0.01 && entry.step > 1e-7, "\(check)")
    }
    #expect(check.description.contains("w: agrees to"))
  }

  @Test("float32 is checked to the digits that it has")
  func float32() throws {
    let check = try check(dtype: .float32) { cell in
      cell.stoppingRule = .tolerance(relative: 1e-6, limit: 99)
    }
    #expect(check.passed, "\(check)")
  }

  @Test(
    "truncated estimators are named as biased, by how much they are off",
    arguments: TestedEstimator.biased
      + TestedEstimator.ofSteps.filter { $0.promise == .someSteps })
  func biasedEstimators(_ tested: TestedEstimator) throws {
    let estimator = tested.make(.init(tolerance: 1e-10))
    let check = try check { $0.estimator = estimator }
    #expect(!check.passed)
    for entry in check.entries {
      guard case .biasedEstimator(let error) = entry.verdict else {
        Issue.record("\(check)")
        continue
      }
      let truth = abs(entry.derivative / entry.difference - 1)
      #expect(error > 1e-4 && error <= truth * 1.001, "\(check)")
    }
    #expect(check.description.contains("the estimator is biased (\(estimator.name))"))
  }

  @Test(
    "a solve that ends too early is named as such, with a tolerance or a number of evaluations",
    arguments: [.tolerance(relative: 0.03, limit: 50), .evaluations(3)] as [StoppingRule])
  func looseSolve(_ rule: StoppingRule) throws {
    let check = try check { $0.stoppingRule = rule }
    for entry in check.entries {
      guard case .looseSolve(let error) = entry.verdict else {
        Issue.record("\(entry.name): \(check)")
        continue
      }
      #expect(error > 1e-4)
    }
    #expect(check.description.contains("not converged far enough"))
  }

  @Test("a rule of one's own that is wrong is found")
  func wrongCotangent() throws {
    // tanh u with the derivative 1.
    let check = try check { cell in
      cell.activation = { u in u.tanh().detached() + (u - u.detached()) }
    }
    for entry in check.entries {
      guard case .wrongDerivative = entry.verdict else {
        Issue.record("\(entry.name): \(check)")
        continue
      }
    }
    #expect(check.description.contains("a derivative in the step is wrong"))
  }

  @Test("only what is wrong is named: a weight that is taken off the tape")
  func detachedWeight() throws {
    let w = testTensor([5, 5], seed: 2, scale: 0.4)
    let x = testTensor([3, 5], seed: 3)
    let check = try checkGradient(at: [("w", w), ("x", x)]) { (Cell(w: $0[0].detached()), $0[1]) }
    guard case .wrongDerivative = check.entries[0].verdict, case .agrees = check.entries[1].verdict
    else {
      Issue.record("\(check)")
      return
    }
    #expect(check.entries[0].derivative == 0)
  }

  @Test("samples that mix are named before anything is compared")
  func mixedSamples() throws {
    let check = try check { cell in
      cell.activation = { u in (u - u.mean() * 0.3).tanh() }
    }
    for entry in check.entries {
      guard case .samplesMix = entry.verdict else {
        Issue.record("\(check)")
        continue
      }
    }
    #expect(check.description.contains("samples mix"))
  }

  @Test("a map that gives another image each time is named")
  func randomMap() throws {
    final class Counter: Sendable {
      let value = Mutex(0)
      func next() -> Double {
        value.withLock { value in
          value += 1
          return Double(value % 7)
        }
      }
    }
    let counter = Counter()
    let check = try check { cell in
      cell.activation = { u in u.tanh() + 1e-7 * counter.next() }
      cell.stoppingRule = .evaluations(20)
    }
    #expect(check.entries.allSatisfy { $0.verdict == .notDeterministic }, "\(check)")
  }

  @Test("a map without a fixed point has nothing to differentiate")
  func noSolution() throws {
    let check = try check { cell in
      cell.activation = { u in u * 1e-3 + (u.square() + 1) * 10 }
      cell.stoppingRule = .evaluations(3)
    }
    for entry in check.entries {
      guard case .noSolution(let residual) = entry.verdict else {
        Issue.record("\(check)")
        continue
      }
      #expect(!(residual < 1e-3))
    }
  }

  @Test("a solution that jumps with its parameters has no plateau")
  func noPlateau() throws {
    let check = try check { cell in
      cell.activation = { u in u.tanh() + (u.detached() * 1e13).sin() * 0.01 }
      cell.stoppingRule = .evaluations(20)
    }
    #expect(!check.passed, "\(check)")
  }

  @Test("a module's parameters are checked by name, and are what they were afterwards")
  func module() throws {
    struct Layer: Module, FixedPointLayer {
      let recurrence: Linear
      let estimator: any BackwardEstimator
      let stoppingRule = StoppingRule.tolerance(relative: 1e-11, limit: 200)
      func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
      func step(_ z: Tensor, given x: Tensor) -> Tensor { (recurrence(z) + x).tanh() }
    }
    var random = Philox(seed: 4)
    let linear = Linear(5, 5, initializer: .xavier(gain: 0.5), using: &random)
    let layer = Layer(recurrence: linear, estimator: .exact)
    layer.convertParameters(to: .float64)
    let before = linear.weight.tensor.scalars
    let x = testTensor([3, 5], seed: 3)
    let check = try checkGradient(of: layer, input: x)
    #expect(check.passed, "\(check)")
    #expect(check.entries.map(\.name) == ["recurrence.weight", "recurrence.bias", "input"])
    #expect(linear.weight.tensor.scalars == before)
    #expect(linear.weight.tensor.isRecorded)
    let biased = try checkGradient(of: Layer(recurrence: linear, estimator: .oneStep), input: x)
    #expect(!biased.passed)
  }
}
