import Foundation
import Tensors
import TestSupport
import Testing

/// Derivatives as functions: what nests, what is a constant, and what is recorded.
@Suite struct FunctionalDerivativeTests {
  private let x = testTensor([2, 3], seed: 1)

  @Test("the gradient of the gradient of the gradient")
  func threeDeep() throws {
    // Of sum sin x, elementwise: cos x, -sin x, -cos x; the fourth is sin x again.
    let first = { (x: Tensor) in try gradient(at: x) { $0.sin().sum() } }
    let second = { (x: Tensor) in try gradient(at: x) { try first($0).sum() } }
    let third = { (x: Tensor) in try gradient(at: x) { try second($0).sum() } }
    let fourth = { (x: Tensor) in try gradient(at: x) { try third($0).sum() } }
    #expect(try difference(first(x), x.cos(), absolute: 1e-15) == nil)
    #expect(try difference(second(x), -x.sin(), absolute: 1e-15) == nil)
    #expect(try difference(third(x), -x.cos(), absolute: 1e-15) == nil)
    #expect(try difference(fourth(x), x.sin(), absolute: 1e-15) == nil)
  }

  @Test("forward in forward, and forward in reverse in forward")
  func mixedModes() throws {
    let one = Tensor.ones([2, 3], dtype: .float64)
    let cube = { (x: Tensor) in x * x * x }
    let second = try jvp(at: x, along: one) { x in
      try jvp(at: x, along: one, of: cube).derivative
    }
    #expect(difference(second.derivative, x * 6, absolute: 1e-14) == nil)
    #expect(difference(second.value, x * x * 3, absolute: 1e-14) == nil)
    let third = try jvp(at: x, along: one) { x in
      try gradient(at: x) { x in try jvp(at: x, along: one, of: cube).derivative.sum() }
    }.derivative
    #expect(difference(third, one * 6, absolute: 1e-14) == nil)
  }

  /// The classic of perturbation confusion: d/dx (x d/dy (x + y)) is d/dx x = 1, not 2.
  @Test func anInnerDerivativeDoesNotSeeTheOuterPoint() throws {
    let one = Tensor(1, dtype: .float64)
    let reverse = try gradient(at: one) { x in try x * gradient(at: one) { y in x + y } }
    let forward = try jvp(at: one, along: one) { x in
      try x * jvp(at: one, along: one) { y in x + y }.derivative
    }
    #expect(reverse.scalar == 1 && forward.derivative.scalar == 1)
    // The same point on both levels: what is captured of the outer one counts as a constant.
    let same = try gradient(at: one * 3) { x in try gradient(at: x) { y in x * y * y } }
    #expect(same.scalar == 12, "d/dx (2 x x) = 4 x")
  }

  @Test("a gradient in a loss leads on to what it captures, and to the point's history")
  func penalty() throws {
    // f = sum tanh(x w), so that df/dx = (1 - tanh^2(x w)) w^T.
    let inputs = [x, testTensor([3, 4], seed: 2)]
    let found = try gradientDifference(inputs) { v in
      try gradient(at: v[0].sin()) { $0.matmul(v[1]).tanh().sum() }
    }
    #expect(found == nil)
    let slopes = try gradientDifference(inputs + [testTensor([2, 3], seed: 3)]) { v in
      try jvp(at: v[0].sin(), along: v[2]) { $0.matmul(v[1]).tanh() }.derivative
    }
    #expect(slopes == nil)
    let curvatures = try gradientDifference(inputs + [testTensor([2, 3], seed: 3)]) { v in
      try hessianVectorProduct(at: v[0].sin(), along: v[2]) { $0.matmul(v[1]).tanh().sum() }
    }
    #expect(curvatures == nil)
  }

  @Test("gradient steps are a map like any other: the way they go is differentiated")
  func descent() throws {
    // z <- z - a d/dz (|z - b|^2 / 2 + c z^4 / 4), 30 times.
    let found = try gradientDifference([x, testTensor([2, 3], seed: 4, offset: 2)]) { v in
      var z = v[0].zerosLike()
      for _ in 0..<30 {
        let slope = try gradient(at: z) { z in
          ((z - v[0]).square() / 2 + v[1] * z.square().square() / 4).sum()
        }
        z = z - slope * 0.2
      }
      return z
    }
    #expect(found == nil)
  }

  @Test("where nothing depends on the point, derivatives are zero")
  func independence() throws {
    let w = testTensor([4], seed: 5).variable()
    #expect(try gradient(at: x) { _ in w.square().sum() }.scalars == [0, 0, 0, 0, 0, 0])
    #expect(try jvp(at: x, along: x) { _ in w }.derivative.scalars == [0, 0, 0, 0])
    #expect(try hessianVectorProduct(at: x, along: x) { $0.sum() }.scalars == [0, 0, 0, 0, 0, 0])
    #expect(try jacobian(at: x) { _ in w }.shape == [4, 2, 3])
    #expect(try gradient(at: [x, w]) { $0[1].sum() }[0].scalars == [0, 0, 0, 0, 0, 0])
    // The identity is a function too.
    #expect(try jvp(at: x, along: w.detached().slice(0..<1) + x) { $0 }.derivative.count == 6)
    #expect(try valueWithPullback(at: x) { $0 }.pullback(x).scalars == x.scalars)
  }

  @Test("the derivative of a derivative that is a constant is zero")
  func linearity() throws {
    let w = testTensor([3], seed: 5).variable()
    let v = x.variable()
    let isZero = { (tensor: Tensor) in tensor.scalars.allSatisfy { $0 == 0 } }
    // By the table, then by the functions, within a table.
    let table = try gradients(of: (v * 3 + w).sum(), creatingGraph: true)
    for gradient in [table[v], table[w]] {
      let second = try gradients(of: try #require(gradient).sum(), creatingGraph: true)
      let (byV, byW) = (try #require(second[v]), try #require(second[w]))
      #expect(byV.shape == v.shape && isZero(byV) && byW.shape == w.shape && isZero(byW))
    }
    let slope = try gradient(at: v) { ($0 * 3 + w).sum() }
    #expect(try isZero(#require(try gradients(of: slope.sum())[v])))
    let forward = try jvp(at: v, along: x) { $0 * 3 }.derivative
    #expect(try isZero(#require(try gradients(of: forward.sum())[v])))
    let product = try hessianVectorProduct(at: v, along: x) { $0.square().sum() }
    #expect(try isZero(#require(try gradients(of: product.sum())[v])))
    // What is captured has no entry, and that is no mistake.
    let captured = try gradients(of: gradient(at: x) { ($0 * 3 + w.sum()).sum() }.sum())
    #expect(captured[w] == nil)
  }

  @Test("a derivative is recorded where somebody may ask for its own")
  func recording() throws {
    let w = testTensor([3, 3], seed: 6).variable()
    let f = { (x: Tensor) in x.matmul(w.detached()).tanh().sum() }
    let g = { (x: Tensor) in x.matmul(w).tanh().sum() }
    #expect(try !gradient(at: x, of: f).isRecorded, "of constants")
    #expect(try gradient(at: x, of: g).isRecorded, "of a captured variable")
    #expect(try gradient(at: x.variable(), of: f).isRecorded, "of a variable as the point")
    #expect(try hessianVectorProduct(at: x, along: x.variable(), of: f).isRecorded)
    #expect(try jvp(at: x, along: x.variable(), of: f).derivative.isRecorded)
    let quiet = try withoutRecording {
      [
        try gradient(at: x.variable(), of: g), try valueWithGradient(at: x, of: g).value,
        try hessianVectorProduct(at: x, along: x, of: g), try hessian(at: x, of: g),
        try jacobian(at: x, of: g), try jvp(at: x, along: x, of: g).value,
        try valueWithPullback(at: x, of: g).pullback(.ones([], dtype: .float64)),
      ]
    }
    for (index, result) in quiet.enumerated() { #expect(!result.isRecorded, "\(index)") }
    #expect(isRecording)
  }

  @Test("a pullback follows the setting of the thread as it is called")
  func recordedPullback() throws {
    let w = testTensor([3, 3], seed: 6).variable()
    let (_, pullback) = valueWithPullback(at: x) { $0.matmul(w).tanh() }
    let v = testTensor([2, 3], seed: 7)
    let quiet = try withoutRecording { try pullback(v) }
    let loud = try pullback(v)
    #expect(!quiet.isRecorded && loud.isRecorded)
    #expect(difference(quiet, loud.detached(), relative: 1e-15) == nil)
    let never = valueWithPullback(at: x, creatingGraph: false) { $0.matmul(w).tanh() }.pullback
    #expect(try !never(v).isRecorded)
  }

  @Test("Jacobians: rows, columns, closed form")
  func jacobians() throws {
    // d sum_k x_ik w_kj / dx_ab = [i = a] w_bj.
    let w = testTensor([3, 4], seed: 8)
    let weights = w.scalars
    var expected: [Double] = []
    for i in 0..<2 {
      for j in 0..<4 {
        for a in 0..<2 {
          for b in 0..<3 { expected.append(i == a ? weights[b * 4 + j] : 0) }
        }
      }
    }
    for mode in [DifferentiationMode.reverse, .forward, nil] {
      let j = try jacobian(at: x, mode: mode) { $0.matmul(w) }
      #expect(j.shape == [2, 4, 2, 3])
      #expect(difference(j.scalars, expected, absolute: 1e-15) == nil)
    }
    let both = try jacobian(at: [x, w]) { $0[0].matmul($0[1]) }
    #expect(both.map(\.shape) == [[2, 4, 2, 3], [2, 4, 3, 4]])
    #expect(difference(both[0].scalars, expected, absolute: 1e-15) == nil)
    let blocks = try jacobiansOfSamples(at: x) { $0.matmul(w).square() }
    #expect(blocks.shape == [2, 4, 3])
    let whole = try jacobian(at: x) { $0.matmul(w).square() }.scalars
    for (sample, row, column) in [(0, 0, 0), (1, 3, 2), (0, 2, 1)] {
      let start = sample * 4 + row
      #expect(blocks.scalars[start * 3 + column] == whole[(start * 2 + sample) * 3 + column])
    }
    #expect(try jacobian(at: x.slice(0..<0)) { $0.matmul(w) }.shape == [0, 4, 0, 3])
  }

  @Test("a Hessian is symmetric, holds the products, and can be differentiated")
  func hessians() throws {
    let f = { (x: Tensor) in (x.exp() * x.sum(alongAxis: 0).sin()).sum() }
    let h = try hessian(at: x, of: f)
    #expect(h.shape == [2, 3, 2, 3])
    let matrix = h.reshaped([6, 6])
    #expect(difference(matrix, matrix.transposed(), absolute: 1e-14) == nil)
    let s = testTensor([2, 3], seed: 9)
    let product = try hessianVectorProduct(at: x, along: s, of: f)
    let expected = matrix.matmul(s.reshaped([6, 1])).reshaped([2, 3])
    #expect(difference(product, expected, absolute: 1e-14) == nil)
    #expect(try gradientDifference([x]) { try hessian(at: $0[0], of: f) } == nil)
    #expect(
      try gradientDifference([x]) { try jacobian(at: $0[0], mode: .forward) { $0.sin() * $0 } }
        == nil)
  }

  @Test("what several threads differentiate at once is what one does")
  func threads() throws {
    let w = testTensor([3, 3], seed: 10).variable()
    @Sendable func curvature() throws -> [Double] {
      try hessianVectorProduct(at: w, along: w.detached()) { $0.matmul($0).tanh().sum() }.scalars
    }
    let expected = try curvature()
    // A pullback that several threads share looks for its way once.
    let shared = valueWithPullback(at: x) { ($0.matmul(w).tanh() * $0).square() }.pullback
    let v = testTensor([2, 3], seed: 11)
    let product = try withoutRecording { try shared(v).scalars }
    nonisolated(unsafe) let pullback = valueWithPullback(at: x) {
      ($0.matmul(w).tanh() * $0).square()
    }.pullback
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<20 {
        let found = try? curvature()
        #expect(found == expected)
        let other = withoutRecording { try? pullback(v).scalars }
        #expect(other == product)
      }
    }
  }
}

/// The tape of nested derivatives goes with them; counters are process-wide, so each has a process.
@Suite struct NestedDerivativeMemoryTests {
  private static func third(_ x: Tensor, _ w: Tensor) throws -> Tensor {
    try gradient(at: x) { x in
      try gradient(at: x) { x in
        try gradient(at: x) { x in
          x.matmul(w).layerNorm(gain: w.sum(alongAxis: 0), bias: w.sum(alongAxis: 1))
            .tanh().sum()
        }.square().sum()
      }.square().sum()
    }
  }

  @Test func nothingStaysOfANestedDerivativeOfConstants() async {
    await #expect(processExitsWith: .success) {
      let (x, w) = (testTensor([4, 3]), testTensor([3, 3], seed: 2))
      let (nodes, bytes) = (TensorMemory.liveNodes, TensorMemory.liveBytes)
      let result = try NestedDerivativeMemoryTests.third(x, w)
      #expect(!result.isRecorded)
      #expect(TensorMemory.liveNodes == nodes)
      #expect(TensorMemory.liveBytes == bytes + 12 * 8)
      withExtendedLifetime(result) {}
    }
  }

  @Test func theTapeOfARecordedOneGoesWithIt() async {
    await #expect(processExitsWith: .success) {
      let (x, w) = (testTensor([4, 3]), testTensor([3, 3], seed: 2).variable())
      let (nodes, bytes) = (TensorMemory.liveNodes, TensorMemory.liveBytes)
      do {
        let result = try NestedDerivativeMemoryTests.third(x, w)
        #expect(result.isRecorded && TensorMemory.liveNodes > nodes + 100)
        #expect(try gradients(of: result.sum())[w] != nil)
        // The backward pass has taken the tape apart already; the result's own node remains.
        #expect(TensorMemory.liveNodes < nodes + 10)
      }
      do {
        let products = try [
          jvp(at: x, along: x) { $0.matmul(w).tanh() }.derivative,
          hessianVectorProduct(at: x, along: x) { $0.matmul(w).tanh().sum() },
          hessian(at: x.slice(0..<1)) { $0.matmul(w).tanh().sum() },
          jacobian(at: x.slice(0..<1), mode: .forward) { $0.matmul(w).tanh() },
        ]
        let recorded = products.filter { $0.isRecorded }.count
        #expect(recorded == 4)
      }
      #expect(TensorMemory.liveNodes == nodes)
      #expect(TensorMemory.liveBytes == bytes)
    }
  }
}
