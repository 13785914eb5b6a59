import NeuralLayers
import Tensors
import TestSupport
import Testing

@Suite struct WeightNormalizationTests {
  private func float64<Layer: Module>(_ layer: Layer) -> Layer {
    layer.convertParameters(to: .float64)
    return layer
  }

  private func linear(seed: UInt64 = 1) -> Linear {
    var generator = Philox(seed: seed)
    return float64(Linear(5, 4, using: &generator))
  }

  private func convolution() -> Convolution2D {
    var generator = Philox(seed: 2)
    return float64(Convolution2D(3, 4, kernel: 2, stride: 2, padding: 1, using: &generator))
  }

  /// The singular values of a weight as a matrix [out, rest].
  private func singularValues(_ weight: Tensor) throws -> [Double] {
    try weight.detached().reshaped([weight.shape[0], weight.count / weight.shape[0]])
      .singularValues().scalars
  }

  @Test("at first nothing changes, and rows are as long as the gain says")
  func weightNorm() throws {
    let (x, image) = (testTensor([3, 5], seed: 3), testTensor([2, 4, 5, 3], seed: 4))
    let (plain, kernels) = (linear(), convolution())
    let (layer, filters) = (WeightNormalized(plain), WeightNormalized(kernels))
    #expect(difference(layer(x), plain(x), relative: 1e-15) == nil)
    #expect(difference(filters(image), kernels(image), relative: 1e-14) == nil)
    #expect(layer.namedParameters.map(\.name) == ["layer.weight", "layer.bias", "gain"])
    for scale in [1.0, 7] {
      plain.weight.assign(plain.weight.tensor * scale)
      layer.gain.assign(Tensor([2, 0.5, 3, 1], shape: [4], dtype: .float64))
      let lengths = layer.weight.normsOfSamples
      #expect(difference(lengths, [2, 0.5, 3, 1], relative: 1e-15) == nil)
    }
  }

  /// A weight [in, out, k, k] as a matrix [out, in k^2].
  private func rows(_ weight: Tensor) -> Tensor {
    let ordered = weight.detached().swappedAxes(0, 1)
    return ordered.reshaped([ordered.shape[0], ordered.count / ordered.shape[0]])
  }

  @Test("a transposed convolution has its outputs on the second axis of its weight")
  func transposedConvolution() throws {
    var generator = Philox(seed: 11)
    let plain = float64(
      TransposedConvolution2D(3, 4, kernel: 2, stride: 2, using: &generator))
    let image = testTensor([2, 4, 5, 3], seed: 4)
    let layer = WeightNormalized(plain)
    #expect(layer.gain.shape == [4])
    #expect(difference(layer(image), plain(image), relative: 1e-14) == nil)
    layer.gain.assign(Tensor([2, 0.5, 3, 1], shape: [4], dtype: .float64))
    #expect(difference(rows(layer.weight).normsOfSamples, [2, 0.5, 3, 1], relative: 1e-15) == nil)
    // An output is scaled by its own gain alone: there is no bias at first.
    let lengths = rows(plain.weight.tensor).normsOfSamples
    let gains = zip([2, 0.5, 3, 1], lengths).map { $0 / $1 }
    let factors = Tensor(gains, shape: [4], dtype: .float64)
    #expect(difference(layer(image), plain(image) * factors, relative: 1e-13) == nil)
    try expectGradients(of: layer) { layer(image).sin().sum() }

    let bounded = SpectrallyNormalized(plain, bound: 0.9, iterations: 500, using: &generator)
    #expect(bounded.singularVector.shape == [4])
    #expect(abs(try #require(rows(bounded.weight).singularValues().scalars.first) - 0.9) < 1e-12)
  }

  @Test("the gradient of a direction is orthogonal to it, and all are those of differences")
  func gradientsOfWeightNorm() throws {
    let layer = WeightNormalized(linear())
    let x = testTensor([3, 5], seed: 3)
    let table = try gradients(of: layer(x).sin().sum())
    let v = layer.layer.weight.tensor
    let overlaps = try #require(table[v]).innerProductsOfSamples(with: v)
    #expect(overlaps.allSatisfy { abs($0) < 1e-14 }, "\(overlaps)")
    try expectGradients(of: layer) { layer(x).sin().sum() }
    let filters = WeightNormalized(convolution())
    let image = testTensor([2, 4, 5, 3], seed: 4)
    try expectGradients(of: filters) { filters(image).sin().sum() }
  }

  @Test("the largest singular value is the bound, once the power iteration has converged")
  func spectralNorm() throws {
    var generator = Philox(seed: 5)
    for bound in [1, 0.9] {
      let layer = SpectrallyNormalized(
        linear(), bound: bound, iterations: 500, using: &generator)
      #expect(abs(try singularValues(layer.weight)[0] - bound) < 1e-12)
      #expect(try singularValues(layer.layer.weight.tensor)[0] > 1.1 * bound, "it does something")
      #expect(
        abs(layer.spectralNorm.scalar - (try singularValues(layer.layer.weight.tensor)[0]))
          < 1e-12)
      let filters = SpectrallyNormalized(
        convolution(), bound: bound, iterations: 500, using: &generator)
      #expect(abs(try singularValues(filters.weight)[0] - bound) < 1e-12)
    }
  }

  @Test("the estimate is never above the norm, grows, and follows a weight that moves")
  func powerIteration() throws {
    var generator = Philox(seed: 6)
    let layer = SpectrallyNormalized(linear(), iterations: 0, using: &generator)
    let norm = try singularValues(layer.layer.weight.tensor)[0]
    var former = layer.spectralNorm.scalar
    #expect(former < 0.9 * norm, "a random vector is not the singular one")
    for _ in 0..<30 {
      layer.iterate()
      let next = layer.spectralNorm.scalar
      #expect(next >= former * (1 - 1e-15) && next <= norm * (1 + 1e-14))
      former = next
    }
    layer.iterate(500)
    layer.layer.weight.assign(layer.layer.weight.tensor + testTensor([4, 5], seed: 7, scale: 0.02))
    let before = try singularValues(layer.weight)[0]
    layer.iterate()
    let after = try singularValues(layer.weight)[0]
    #expect(before > after && after - 1 < 1e-4 && after >= 1 - 1e-14, "\(before) to \(after)")
  }

  @Test("gradients at a fixed vector are those of differences; the vector has none")
  func gradientsOfSpectralNorm() throws {
    var generator = Philox(seed: 8)
    let x = testTensor([3, 5], seed: 3)
    for iterations in [1, 500] {
      let layer = SpectrallyNormalized(
        linear(), bound: 0.7, iterations: iterations, using: &generator)
      try expectGradients(of: layer) { layer(x).sin().sum() }
      #expect(!layer.singularVector.tensor.isRecorded)
    }
  }

  @Test("the vector is state: found by name, not counted, copied with the parameters")
  func state() throws {
    var generator = Philox(seed: 9)
    let first = SpectrallyNormalized(linear(), using: &generator)
    let other = SpectrallyNormalized(linear(seed: 10), using: &generator)
    #expect(
      first.namedParameters.map(\.name) == ["layer.weight", "layer.bias", "singular_vector"])
    #expect(first.parameterCount == 24)
    let x = testTensor([3, 5], seed: 3)
    #expect(first(x).scalars != other(x).scalars)
    for (from, to) in zip(first.namedParameters, other.namedParameters) {
      to.parameter.assign(from.parameter.tensor)
    }
    #expect(first(x).scalars == other(x).scalars)
    #expect(!other.singularVector.tensor.isRecorded)
    first.iterate(3)
    other.iterate(3)
    #expect(first.singularVector.tensor.scalars == other.singularVector.tensor.scalars)
    // A weight of zeros has no singular vector; u stays, and the result is not a number.
    first.layer.weight.assign(.zeros([4, 5], dtype: .float64))
    first.iterate()
    #expect(first.singularVector.tensor.scalars == other.singularVector.tensor.scalars)
    #expect(first(x).scalar(at: 0).isNaN)
  }

  /// The gradient of every trained parameter against central differences.
  private func expectGradients(of module: some Module, _ loss: () throws -> Tensor) throws {
    let table = try module.gradient(of: loss)
    for entry in module.namedParameters where entry.parameter.isTrained {
      let parameter = entry.parameter
      let value = parameter.tensor
      let gradient = try #require(table[value])
      let numerical = try value.scalars.indices.map { index -> Double in
        let sides = try [1e-5, -1e-5].map { step -> Double in
          var moved = value.scalars
          moved[index] += step
          parameter.assign(Tensor(moved, shape: value.shape, dtype: .float64))
          return try loss().scalar
        }
        return (sides[0] - sides[1]) / 2e-5
      }
      parameter.assign(value)
      #expect(
        difference(gradient.scalars, numerical, relative: 1e-8, absolute: 1e-8) == nil,
        "\(entry.name)")
    }
  }
}

extension Tensor {
  fileprivate func scalar(at index: Int) -> Double { scalars[index] }
}
