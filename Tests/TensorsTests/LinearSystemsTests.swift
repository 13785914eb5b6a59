import Tensors
import TestSupport
import Testing

@Suite struct LinearSystemsTests {
  private let systems = testTensor([3, 4, 4], seed: 2) + Tensor.identity(4, dtype: .float64) * 3
  private let rights = testTensor([3, 4], seed: 3)

  @Test func solutionsSolve() throws {
    let x = try systems.solving(rights)
    let product = systems.matmul(x.reshaped([3, 4, 1])).reshaped([3, 4])
    #expect(difference(product, rights, absolute: 1e-14) == nil)
  }

  @Test(
    "where a matrix or a right-hand side is not finite, so is the solution, and no other",
    arguments: [DType.float32, .float64], [Double.nan, .infinity])
  func nothingFinite(_ dtype: DType, _ value: Double) throws {
    let mask = [false, true, false]
    let (systems, rights) = (systems.converted(to: dtype), rights.converted(to: dtype))
    let poisons = (
      Tensor.full(value, [3, 4, 4], dtype: dtype), Tensor.full(value, [3, 4], dtype: dtype)
    )
    let clean = try systems.solving(rights).scalars
    for (a, b) in [
      (Tensor.selectSamples(mask, poisons.0, systems), rights),
      (systems, Tensor.selectSamples(mask, poisons.1, rights)),
    ] {
      let x = try a.solving(b).scalars
      #expect(x[4..<8].allSatisfy { !$0.isFinite })
      #expect(Array(x[0..<4] + x[8..<12]) == Array(clean[0..<4] + clean[8..<12]))
    }
  }

  @Test(
    "systems of one equation are divisions", arguments: [DType.float32, .float64], [false, true])
  func single(_ dtype: DType, transposed: Bool) throws {
    let factors = LUFactorization(
      ofPossiblySingular: Tensor([4, -0.5, 0, .nan], shape: [4, 1, 1], dtype: dtype))
    let x = factors.solve(
      Tensor([2, 3, 1, 1], shape: [4, 1], dtype: dtype), transposed: transposed)
    #expect(Array(x.scalars.prefix(2)) == [0.5, -6])
    #expect(x.scalars.suffix(2).allSatisfy { $0.isNaN })
    #expect(Array(factors.reciprocalConditions.prefix(3)) == [1, 1, 0])
    #expect(factors.reciprocalConditions[3].isNaN)
    #expect(throws: LUFactorization.SingularMatrix.self) {
      _ = try LUFactorization(of: Tensor([1, 0], shape: [2, 1, 1], dtype: dtype))
    }
  }

  @Test func gradientOfTheSolution() throws {
    let gap = try gradientDifference([systems, rights]) { try $0[0].solving($0[1]) }
    #expect(gap == nil, "\(gap ?? "")")
  }

  @Test(
    "factors carry gradients to the matrices and to right-hand sides", arguments: [false, true])
  func gradientOfFactors(_ transposed: Bool) throws {
    let (systems, rights) = (systems, rights)
    let solve = { (points: [Tensor]) throws -> Tensor in
      try LUFactorization(of: points[0]).solve(points[1], transposed: transposed)
    }
    let both = try gradientDifference([systems, rights], of: solve)
    #expect(both == nil, "\(both ?? "")")
    let right = try gradientDifference([rights]) { try solve([systems, $0[0]]) }
    #expect(right == nil, "\(right ?? "")")
    let matrix = try gradientDifference([systems]) { try solve([$0[0], rights]) }
    #expect(matrix == nil, "\(matrix ?? "")")
    // The gradient of a gradient, from a cotangent that depends on the solution.
    let second = try gradientDifference([systems, rights]) { points in
      let slopes = try gradient(at: points) { try solve($0).square().sum() }
      return slopes[0].sin().sum() + (slopes[1] * points[1]).sum()
    }
    #expect(second == nil, "\(second ?? "")")
  }

  @Test("the gradient of a gradient: rules that are recorded solve with recorded operators")
  func secondDerivative() throws {
    let gradient = { (matrices: Tensor, creatingGraph: Bool) -> (Tensor, Tensor) in
      let variable = matrices.variable()
      let loss = try variable.solving(rights).square().sum()
      let table = try gradients(of: loss, creatingGraph: creatingGraph)
      return (variable, try #require(table[variable]))
    }
    let direction = testTensor([3, 4, 4], seed: 8)
    let (variable, first) = try gradient(systems, true)
    let second = try #require(gradients(of: (first * direction).sum())[variable])
    let step = 1e-5
    let sides = try [step, -step].map { try gradient(systems + direction * $0, false).1.detached() }
    let central = (sides[0] - sides[1]) / (2 * step)
    #expect(difference(second, central, relative: 1e-7) == nil)
  }

  @Test func takingSamplesAndPuttingThemBack() throws {
    let x = testTensor([4, 3, 2], seed: 4)
    #expect(x.samples([2, 0]).scalars == x.slice(2..<3).scalars + x.slice(0..<1).scalars)
    let y = testTensor([2, 3, 2], seed: 5)
    let replaced = x.replacing([3, 1], y)
    #expect(replaced.samples([3, 1]).scalars == y.scalars)
    #expect(replaced.samples([0, 2]).scalars == x.samples([0, 2]).scalars)
    let gap = try gradientDifference([x, y]) { $0[0].replacing([3, 1], $0[1]).samples([1, 2, 0]) }
    #expect(gap == nil, "\(gap ?? "")")
  }
}

@Suite struct VectorWindowTests {
  private let vectors = (1...3).map { testTensor([2, 5], seed: $0) }

  @Test(
    "rows in place and rows on the tape give the same numbers",
    arguments: [
      DType.float32, .float64,
    ])
  func twoRepresentations(_ dtype: DType) throws {
    let tolerance = dtype == .float32 ? 1e-6 : 1e-14
    var (buffer, recorded) = (VectorWindow(capacity: 3), VectorWindow(capacity: 3))
    for (row, vector) in vectors.enumerated() {
      let value = vector.converted(to: dtype)
      buffer.set(row, to: value, minus: vectors[0].converted(to: dtype) * 0.5)
      recorded.set(row, to: value.variable(), minus: vectors[0].converted(to: dtype) * 0.5)
    }
    buffer.clear([false, true])
    recorded.clear([false, true])
    let x = testTensor([2, 5], seed: 9, dtype: dtype)
    let (one, other) = (buffer.innerProducts(with: x), recorded.innerProducts(with: x))
    #expect(one.isRecorded == false && other.isRecorded)
    #expect(difference(one, other.detached(), absolute: tolerance) == nil)
    #expect(one.slice(1..<2).scalars == [0, 0, 0])
    let sums = [buffer, recorded].map { $0.combined(one, onto: x, scale: -2, baseScale: 3) }
    #expect(difference(sums[0], sums[1].detached(), absolute: 10 * tolerance) == nil)
    let halves = [0, 1].map { buffer.samples([$0]) }
    let joined = VectorWindow.joining([([1], halves[1]), ([0], halves[0])])
    #expect(joined.innerProducts(with: x).scalars == one.scalars)
  }

  @Test("copies are values: writing one leaves the other")
  func valueSemantics() {
    var window = VectorWindow(capacity: 2)
    window.set(0, to: vectors[0])
    let copy = window
    window.set(0, to: vectors[1])
    let x = vectors[2]
    #expect(copy.innerProducts(with: x).scalars != window.innerProducts(with: x).scalars)
  }

  @Test("coefficients solve the least-squares problem; dependent and zero rows are left out")
  func leastSquares() throws {
    for isRecorded in [false, true] {
      var window = LeastSquaresWindow(capacity: 3)
      let zero = vectors[0].zerosLike()
      for row in 0..<2 {
        let value = isRecorded ? vectors[row].variable() : vectors[row]
        window.set(row, to: value, minus: zero)
      }
      let right = vectors[0] * 2 - vectors[1] * 3
      let gamma = try window.coefficients(of: right, ridge: 0)
      #expect(
        difference(gamma.scalars, [2, -3, 2, -3], absolute: 1e-12) == nil,
        "recorded: \(isRecorded)")
    }
    var dependent = LeastSquaresWindow(capacity: 3)
    let zero = vectors[0].zerosLike()
    for (row, vector) in [vectors[0], vectors[0] * 2, zero].enumerated() {
      dependent.set(row, to: vector, minus: zero)
    }
    let gamma = try dependent.coefficients(of: vectors[0] * 4, ridge: 0).scalars
    // The newer of the two, row 1, explains it all.
    #expect(difference(gamma, [0, 2, 0, 0, 2, 0], absolute: 1e-12) == nil)
  }

  @Test(
    "rows that were set since the last coefficients all count, in whatever order",
    arguments: [DType.float64, .float32])
  func severalRowsAtOnce(_ dtype: DType) throws {
    let rows = (1...4).map { testTensor([2, 5], seed: $0, dtype: dtype) }
    let zero = rows[0].zerosLike()
    let tolerance = dtype == .float64 ? 1e-11 : 1e-4
    var window = LeastSquaresWindow(capacity: 3)
    for row in 0..<2 { window.set(row, to: rows[row], minus: zero) }
    let first = try window.coefficients(of: rows[0] * 2 - rows[1] * 3, ridge: 0)
    #expect(difference(first.scalars, [2, -3, 2, -3], absolute: tolerance) == nil)
    // Once more without a new row, then with two: an old one is replaced, and the last is new.
    let again = try window.coefficients(of: rows[0] + rows[1], ridge: 0)
    #expect(difference(again.scalars, [1, 1, 1, 1], absolute: tolerance) == nil)
    window.set(2, to: rows[2], minus: zero)
    window.set(0, to: rows[3], minus: zero)
    let right = rows[3] * 4 + rows[1] * 5 - rows[2]
    let expected = [4.0, 5, -1, 4, 5, -1]
    // A copy of some samples has the same rows to catch up with.
    var other = window.samples([1])
    #expect(
      difference(
        try other.coefficients(of: right.samples([1]), ridge: 0).scalars, [4, 5, -1],
        absolute: 10 * tolerance) == nil)
    let second = try window.coefficients(of: right, ridge: 0)
    #expect(difference(second.scalars, expected, absolute: 10 * tolerance) == nil)
  }

  @Test("systems of one equation: solutions, conditions, and the one that is singular")
  func oneEquation() {
    for dtype in [DType.float32, .float64] {
      let factors = LUFactorization(
        ofPossiblySingular: Tensor([4, 0, -1e-20, .nan], shape: [4, 1, 1], dtype: dtype))
      let conditions = factors.reciprocalConditions
      #expect(conditions[0] == 1 && conditions[1] == 0 && conditions[2] == 1)
      #expect(conditions[3].isNaN)
      let x = factors.solve(Tensor([2, 1, 0, 1], shape: [4, 1], dtype: dtype)).scalars
      #expect(x[0] == 0.5 && x[1].isNaN && x[2] == 0 && x[3].isNaN)
    }
  }
}
