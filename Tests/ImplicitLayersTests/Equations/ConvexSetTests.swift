import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// Projections at their edges, and minima over sets from odd beginnings.
@Suite struct ConvexSetTests {
  private static func row(_ numbers: [Double], _ dtype: DType = .float64) -> Tensor {
    Tensor(numbers, shape: [1, numbers.count], dtype: dtype)
  }

  /// (0.9 + 0.3 - 1) / 2 = 0.1 but for rounding, which is what the third entry is.
  @Test("an entry that equals the threshold of the simplex is in or out, but not both")
  func tie() throws {
    let p = try ConvexSet.simplex.projection(Self.row([0.3, 0.1, 0.9]))
    #expect(difference(p.scalars, [0.2, 0, 0.8], absolute: 1e-15) == nil)
    // Every combination of tenths, where ties are common.
    for i in 0..<1000 {
      let entries = [Double(i % 10) / 10, Double(i / 10 % 10) / 10, Double(i / 100) / 10]
      let p = try ConvexSet.simplex.projection(Self.row(entries)).scalars
      #expect(abs(p.reduce(0, +) - 1) < 4e-15 && p.allSatisfy { $0 >= 0 }, "\(entries)")
      let again = try ConvexSet.simplex.projection(Self.row(p)).scalars
      #expect(zip(p, again).allSatisfy { ($0 == 0) == ($1 == 0) }, "\(entries): \(p), \(again)")
    }
  }

  @Test("the simplex of vectors that are far from it, in single precision")
  func farFromTheSimplex() throws {
    let cases: [(x: [Double], p: [Double])] = [
      ([-2e7, -3e7], [1, 0]), ([-3e7, -2e7], [0, 1]), ([2e7, 2e7, -3e7], [0.5, 0.5, 0]),
      ([-4e9, -4e9, -4e9, -4e9], [0.25, 0.25, 0.25, 0.25]), ([3e38, -3e38], [1, 0]),
      ([1, 0.25, -1e8], [0.875, 0.125, 0]), ([1_048_576.5, 1_048_576.25, 1], [0.625, 0.375, 0]),
    ]
    for (x, p) in cases {
      #expect(try ConvexSet.simplex.projection(Self.row(x, .float32)).scalars == p, "\(x)")
      #expect(try ConvexSet.simplex.projection(Self.row(x)).scalars == p, "\(x)")
    }
    let c = Self.row([2e7, 3e7], .float32)
    let p = try minimum(
      of: { p in (p * c).sum(alongAxis: 1) }, over: .simplex, from: Self.row([0.5, 0.5], .float32))
    #expect(p.scalars == [1, 0])
  }

  /// On its support of k entries dp/dx = I - 1 1^T / k, wherever x lies along (1, ..., 1).
  @Test(
    "the simplex has the same derivatives wherever x is along the diagonal",
    arguments: [DType.float32, .float64], [0.0, 2048, -2048])
  func derivativesOfTheSimplex(_ dtype: DType, _ shift: Double) throws {
    let start = Self.row([0.75, 0.5, -1, 0.25], dtype)
    let x = (start + shift).variable()
    let p = try ConvexSet.simplex.projection(x)
    let third = 1.0 / 3
    #expect(
      difference(p.scalars, [0.25 + third, third, 0, third - 0.25], absolute: 1e-6) == nil)
    let v = Self.row([1, 0, 1, 0], dtype)
    let byX = try #require(try gradients(of: (p * v).sum())[x])
    #expect(difference(byX.scalars, [1 - third, -third, 0, -third], absolute: 1e-6) == nil)
    let (_, forth) = try jvp(at: x.detached(), along: v) { try ConvexSet.simplex.projection($0) }
    #expect(difference(forth.scalars, [1 - third, -third, 0, -third], absolute: 1e-6) == nil)
    // The square of p has a curvature, 2 (I - 1 1^T / 3) on the support.
    let bend = try hessian(at: x.detached()) { try ConvexSet.simplex.projection($0).square().sum() }
    let rows = bend.reshaped([4, 4]).slice(0..<1).scalars
    #expect(difference(rows, [4 * third, -2 * third, 0, -2 * third], absolute: 1e-5) == nil)
  }

  @Test("NaN stays NaN in its own sample")
  func notANumber() throws {
    let x = Tensor([0.3, .nan, 0.9, 0.6], shape: [2, 2], dtype: .float64)
    for set in [ConvexSet.simplex, .box(0, 1), .ball(radius: 1), .nonNegative] {
      let p = try set.projection(x)
      #expect(p.samples([0]).firstNonFiniteIndex != nil)
      #expect(p.samples([1]).firstNonFiniteIndex == nil)
    }
  }

  @Test("bounds that are infinite or far away leave what is inside as it is")
  func farBounds() throws {
    let x = Self.row([1, 3, -5.5])
    #expect(try ConvexSet.box(0, .infinity).projection(x).scalars == [1, 3, 0])
    #expect(try ConvexSet.box(-.infinity, 1).projection(x).scalars == [1, 1, -5.5])
    #expect(try ConvexSet.box(-1e20, 2).projection(x).scalars == [1, 2, -5.5])
    let bounds = (Self.row([-.infinity, 4, -1e20]), Self.row([.infinity, 4, 1e20]))
    #expect(try ConvexSet.box(bounds.0, bounds.1).projection(x).scalars == [1, 4, -5.5])
    let far = try ConvexSet.box(-1, 1).projection(Self.row([-1e20, 1e20, 0.1]))
    #expect(far.scalars == [-1, 1, 0.1])
  }

  @Test("bounds get gradients where they hold")
  func boundsAreDifferentiated() throws {
    let a = Self.row([3, -4, 0.5]).variable()
    let (lower, upper) = (Self.row([-1, -2, -3]).variable(), Self.row([1]).variable())
    let p = try ConvexSet.box(lower, upper).projection(a)
    #expect(p.scalars == [1, -2, 0.5])
    let table = try gradients(of: (p * Self.row([2, 3, 4])).sum())
    #expect(table[a]?.scalars == [0, 0, 4])
    #expect(table[lower]?.scalars == [0, 3, 0])
    #expect(table[upper]?.scalars == [2])
  }

  @Test("a box whose bounds are tensors may be empty too")
  func emptyBox() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = ConvexSet.box(Tensor([0, 1], shape: [2]), Tensor([1, -1], shape: [2]))
    }
    let message = errorText(result)
    #expect(message.contains("has the entry -2"))
  }

  @Test("a ball's projection of a vector whose square overflows")
  func farFromTheBall() throws {
    let p = try ConvexSet.ball(radius: 2).projection(Self.row([3e30, -4e30], .float32))
    #expect(difference(p.scalars, [1.2, -1.6], relative: 1e-6) == nil)
  }

  @Test("a search begins in the set, where alone the loss may be defined")
  func beginsInside() throws {
    let p = try minimum(
      of: { p in (p * (p + 1e-3).log()).sum(alongAxis: 1) }, over: .simplex,
      from: Self.row([3, -5, 3]))
    #expect(difference(p.scalars, [1, 1, 1].map { $0 / 3 }, absolute: 1e-3) == nil)
  }

  @Test("what is found is in the set to the last bit, however loose the rule")
  func endsInside() throws {
    let half = testTensor([6, 6], seed: 7)
    let q = half.matmul(half, transposingSelf: true) + Tensor.identity(6, dtype: .float64) * 0.1
    let c = testTensor([20, 6], seed: 8, scale: 3)
    let x = try minimum(
      of: { x in (x.matmul(q) * x * 0.5 + x * c).sum(alongAxis: 1) }, over: .nonNegative,
      from: c.zerosLike(), until: .tolerance(relative: 1e-2, absolute: 1e-2, limit: 2000))
    #expect(x.scalars.allSatisfy { $0 >= 0 })
  }

  @Test("a minimum under equations asks for one number per sample as others do")
  func lossOfAWrongShape() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try minimum(
        of: { x in x.square().sum() },
        subjectTo: { x in x.sum(alongAxis: 1, keepingAxis: true) - 1 }, from: .ones([2, 3]))
    }
    let message = errorText(result)
    #expect(message.contains("one number for each sample, shape [2]"))
  }

  /// What is left of F beside x near 0 is no error of J: the absolute tolerance says what counts as 0.
  @Test("a solution at 0 has a gradient", arguments: MinimumTests.minimizers)
  func atZero(_ tested: TestedSolver) throws {
    let a = Self.row([0, 0]).variable()
    let x = try minimum(
      of: { x in ((x - a).square() + (x - a).square().square()).sum(alongAxis: 1) },
      from: Self.row([0.7, -0.3]), using: tested.solver)
    #expect(difference(x.scalars, [0, 0], absolute: 1e-7) == nil)
    let found = try #require(try gradients(of: x.sum())[a])
    #expect(difference(found.scalars, [1, 1], absolute: 1e-9) == nil)
  }
}
