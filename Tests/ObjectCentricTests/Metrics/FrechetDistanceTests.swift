import CKernels
import ObjectCentric
import Tensors
import TestSupport
import Testing
import Training

@Suite struct FrechetDistanceTests {
  private func covariance(_ x: Tensor) -> Tensor {
    let centred = x - x.mean(alongAxis: 0)
    return centred.matmul(centred, transposingSelf: true) / Double(x.shape[0] - 1)
  }

  @Test func theReferenceDistance() throws {
    let file = try fixture("frechet_a")
    let (a, b) = (try file.tensor("features.a"), try file.tensor("features.b"))
    let expected = try file.tensor("out.frechet_distance").scalar
    let (first, second) = (try FeatureStatistics(features: a), try FeatureStatistics(features: b))
    #expect(abs(try frechetDistance(first, second) - expected) < 1e-9)
    let given = try FeatureStatistics(
      mean: b.mean(alongAxis: 0), covariance: covariance(b), count: 180)
    #expect(abs(try frechetDistance(first, given) - expected) < 1e-9)
    #expect(difference(first.covariance, covariance(a), absolute: 1e-12) == nil)
    for statistics in [first, second, given] {
      #expect(try frechetDistance(statistics, statistics) < 1e-8)
    }
    #expect(try frechetDistance(second, given) < 1e-8)
    let kept = FeatureStatistics(mean: second.mean, factor: second.factor, count: second.count)
    #expect(try frechetDistance(first, kept) == frechetDistance(first, second))
  }

  @Test func diagonalCovariancesInClosedForm() throws {
    // Sum over the axes of (m1 - m2)^2 + (s1 - s2)^2, s the standard deviations.
    func diagonal(_ values: [Double]) -> Tensor {
      Tensor(values, shape: [3, 1], dtype: .float64) * .identity(3, dtype: .float64)
    }
    let a = try FeatureStatistics(
      mean: Tensor([1, 2, 3], shape: [3], dtype: .float64), covariance: diagonal([4, 9, 0]))
    let b = try FeatureStatistics(
      mean: Tensor([1, 0, 6], shape: [3], dtype: .float64), covariance: diagonal([1, 0, 16]))
    #expect(abs(try frechetDistance(a, b) - (0 + 4 + 9 + 1 + 9 + 16)) < 1e-12)
  }

  @Test("fewer images than features, and features that depend on each other")
  func rankDeficient() throws {
    var generator = Philox(seed: 6)
    // S1 = A A^T of rank 3 in 8 features: samples are A z. With S2 = c^2 S1 the distance is
    // (1 - c)^2 tr S1.
    let mixing = Tensor.normal([8, 3], dtype: .float64, using: &generator)
    for count in [4, 6, 40] {
      let latent = Tensor.normal([count, 3], dtype: .float64, using: &generator)
      let samples = latent.matmul(mixing, transposingOther: true)
      let small = try FeatureStatistics(features: samples)
      let large = try FeatureStatistics(features: samples * 1.5)
      let shift = samples.mean(alongAxis: 0).square().sum().scalar * 0.25
      let trace = small.covariance.matmul(.identity(8, dtype: .float64)).scalars.enumerated()
        .reduce(0.0) { $1.offset % 9 == 0 ? $0 + $1.element : $0 }
      #expect(
        abs(try frechetDistance(small, large) - (shift + 0.25 * trace)) < 1e-9 * trace,
        "\(count) samples")
      #expect(try frechetDistance(small, small) < 1e-8)
      let given = try FeatureStatistics(
        mean: samples.mean(alongAxis: 0), covariance: covariance(samples))
      #expect(try frechetDistance(given, given) < 1e-8)
      #expect(try frechetDistance(given, small) < 1e-6 * trace)
    }
  }

  /// 600 samples of 2048 features span 600 dimensions.
  ///
  /// In those, all is products and a decomposition
  /// of matrices of order 600, some 10^10 operations; square roots of the covariances would take
  /// more than fifty times the 2 * 2048^3 of one product of them. Both are measured on one thread and
  /// in its own time, so that the quotient depends little on the processor and not on other work.
  @Test func sixHundredImagesOfInceptionsSizeCostAFewProductsOfCovariances() throws {
    var generator = Philox(seed: 7)
    let a = Tensor.normal([600, 2048], using: &generator)
    let b = Tensor.normal([600, 2048], using: &generator)
    let square = Tensor.normal([2048, 2048], dtype: .float64, using: &generator)
    let cost = try processorSeconds {
      let distance = try frechetDistance(
        FeatureStatistics(features: a), FeatureStatistics(features: b))
      #expect(distance > 100)
    }
    let product = try processorSeconds { _ = square.matmul(square) }
    #expect(cost < 20 * product, "\(cost) s, a product \(product) s")
    #expect(
      try frechetDistance(FeatureStatistics(features: a), FeatureStatistics(features: a)) < 1e-8)
    #expect(try FeatureStatistics(features: a).caution?.contains("600 images") == true)
    #expect(try FeatureStatistics(features: a.reshaped([1200, 1024])).caution == nil)
  }
}

/// The processor time of this thread in `body`, which runs all of it.
private func processorSeconds(_ body: @Sendable () throws -> Void) throws -> Double {
  // Of two parts, since inside of them no work is shared.
  let seconds = try Workers.map(2) { part in
    let start = ck_thread_seconds()
    if part == 0 { try body() }
    return ck_thread_seconds() - start
  }
  return seconds[0]
}
