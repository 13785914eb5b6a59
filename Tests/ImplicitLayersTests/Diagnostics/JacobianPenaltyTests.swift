import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct JacobianPenaltyTests {
  @Test("exact for a diagonal Jacobian, value and gradient")
  func diagonal() throws {
    // f = tanh(a z), so J = diag(a (1 - f^2)) and the penalty is the mean of its squares.
    let z = testTensor([3, 4], seed: 2)
    let a = testTensor([4], seed: 3, scale: 0.8).variable()
    var generator = Philox(seed: 4)
    let penalty = try jacobianPenalty(of: { ($0 * a).tanh() }, at: z, using: &generator)
    let closed = { (a: Tensor) -> Tensor in
      let image = (z * a).tanh()
      return ((1 - image.square()) * a).square().mean()
    }
    let b = a.detached().variable()
    let expected = closed(b)
    #expect(abs(penalty.scalar - expected.scalar) < 1e-15)
    let gradient = try #require(gradients(of: penalty)[a])
    let expectedGradient = try #require(gradients(of: expected)[b])
    #expect(difference(gradient, expectedGradient, absolute: 1e-15) == nil)
  }

  @Test("the gradient of the estimate, against finite differences")
  func finiteDifferences() throws {
    let z = testTensor([2, 5], seed: 2)
    for distribution in [DirectionDistribution.rademacher, .gaussian] {
      let difference = try gradientDifference([
        testTensor([5, 5], seed: 6, scale: 0.4), testTensor([5], seed: 7),
      ]) { parameters in
        // The same directions every time.
        var generator = Philox(seed: 11)
        return try jacobianPenalty(
          of: { ($0.matmul(parameters[0], transposingOther: true) + parameters[1]).tanh() }, at: z,
          draws: 2, distribution: distribution, using: &generator)
      }
      #expect(difference == nil, "\(distribution)")
    }
  }

  @Test(
    "on average the squared Frobenius norm over n",
    arguments: [
      DirectionDistribution.rademacher, .gaussian,
    ])
  func average(_ distribution: DirectionDistribution) throws {
    let n = 6
    let a = testTensor([n, n], seed: 5, scale: 0.7)
    var generator = Philox(seed: 21)
    let samples = 4000
    let penalty = try jacobianPenalty(
      of: { $0.matmul(a, transposingOther: true) }, at: .zeros([samples, n], dtype: .float64),
      draws: 3, distribution: distribution, using: &generator)
    let exact = a.square().sum().scalar / Double(n)
    // The standard deviation of one draw is at most that of 2 |A A^T|_F / n for Gaussian ones.
    let gram = a.matmul(a, transposingOther: true)
    let deviation = (2 * gram.square().sum().scalar).squareRoot() / Double(n)
    let bound = 4 * deviation / Double(3 * samples).squareRoot()
    #expect(abs(penalty.scalar - exact) < bound, "\(penalty.scalar), \(exact), seed 21")
    // The trace would be something else entirely.
    let trace = (a * Tensor.identity(n, dtype: .float64)).sum().scalar / Double(n)
    #expect(abs(trace - exact) > 10 * bound)
  }

  @Test("training with the penalty lowers the spectral norm")
  func training() throws {
    var w = testTensor([5, 5], seed: 3, scale: 0.6)
    let z = testTensor([8, 5], seed: 4, scale: 0.3)
    var generator = Philox(seed: 6)
    let penalty = { (w: Tensor, generator: inout Philox) in
      try jacobianPenalty(of: { $0.matmul(w).tanh() }, at: z, draws: 4, using: &generator)
    }
    let before = try spectralNorm(of: { $0.matmul(w) }, at: z, using: &generator)[0]
    for _ in 0..<20 {
      let variable = w.variable()
      let table = try gradients(of: try penalty(variable, &generator))
      w = w - (try #require(table[variable])) * 0.5
    }
    let after = try spectralNorm(of: { $0.matmul(w) }, at: z, using: &generator)[0]
    #expect(after < 0.6 * before, "\(before) to \(after)")
  }

  @Test("through a fused operator the gradient is that of finite differences")
  func fusedOperator() throws {
    let w = testTensor([4, 4], seed: 5, scale: 0.5)
    let inputs = [w, testTensor([4], seed: 6, offset: 1), testTensor([4], seed: 7)]
    let found = try gradientDifference(inputs) { v in
      var generator = Philox(seed: 1)
      return try jacobianPenalty(
        of: { $0.matmul(v[0]).layerNorm(gain: v[1], bias: v[2], epsilon: 0.1).tanh() },
        at: testTensor([2, 4]), using: &generator)
    }
    #expect(found == nil)
  }

  @Test("without recording the value alone is computed, of fused operators too")
  func fusedWithoutRecording() throws {
    var generator = Philox(seed: 1)
    let gain = Tensor.ones([4], dtype: .float64)
    let value = try withoutRecording {
      try jacobianPenalty(
        of: { $0.layerNorm(gain: gain, bias: gain, epsilon: 1e-5) }, at: testTensor([2, 4]),
        using: &generator)
    }
    #expect(value.scalar > 0 && !value.isRecorded)
  }
}
