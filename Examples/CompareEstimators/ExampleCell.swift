import ArgumentParser
import EstimatorComparison
import Foundation
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors

/// A cell on which estimators can be compared, with its problem.
enum ExampleCell: String, CaseIterable, ExpressibleByArgument {
  case tanh
  case slotAttention = "slot-attention"
  case kepler
  case pagerank

  /// The comparison on this cell, in double precision.
  func comparison(seed: UInt64) throws -> EstimatorComparison {
    var generator = Philox(seed: seed)
    switch self {
    case .tanh: return tanhCell(&generator)
    case .slotAttention: return slotAttention(&generator)
    case .kepler: return keplerOrbits()
    case .pagerank: return pageRank(&generator)
    }
  }

  /// z = tanh(W z + U x + b), 32 wide, with eigenvalues up to about .8.
  private func tanhCell(_ generator: inout Philox) -> EstimatorComparison {
    let width = 32
    let scale = 0.9 / Double(width).squareRoot()
    let w = (Tensor.normal([width, width], dtype: .float64, using: &generator) * scale).variable()
    let u = Tensor.normal([width, 8], dtype: .float64, using: &generator).variable()
    let b = Tensor.normal([width], dtype: .float64, using: &generator).variable()
    let x = Tensor.normal([8, 8], dtype: .float64, using: &generator) * 0.2
    let map = FixedPointMap { z in
      (z.matmul(w, transposingOther: true) + x.matmul(u, transposingOther: true) + b * 0.2).tanh()
    }
    return EstimatorComparison(
      of: map, from: .zeros([8, width], dtype: .float64), using: .broyden(updates: 60),
      until: .tolerance(relative: 1e-13, limit: 500),
      parameters: [.init("W", [w]), .init("U", [u]), .init("b", [b])],
      cotangent: .normal([8, width], dtype: .float64, using: &generator))
  }

  /// Slot attention with random weights on random features: 3 slots of width 16.
  private func slotAttention(_ generator: inout Philox) -> EstimatorComparison {
    let cell = SlotAttention(featureSize: 16, slotSize: 16, mlpHiddenSize: 32, using: &generator)
    cell.convertParameters(to: .float64)
    // An untrained perceptron drives the slots in circles; scaled down, it lets them settle.
    for entry in cell.mlp.namedParameters {
      entry.parameter.assign(entry.parameter.tensor.detached() * 0.3)
    }
    let features = Tensor.normal([2, 36, 16], dtype: .float64, using: &generator)
    let slots = Tensor.normal([2, 3, 16], dtype: .float64, using: &generator)
    let injection = cell.inject(.init(features: features, initialSlots: slots))
    return EstimatorComparison(
      of: cell.map(given: injection), from: slots,
      until: .tolerance(relative: 1e-12, limit: 3000),
      parameters: ParameterGroup.grouping(
        cell.namedParameters.map { ($0.name, $0.parameter.tensor) }),
      cotangent: .normal([2, 3, 16], dtype: .float64, using: &generator))
  }

  /// E = M + e sin E for four orbits.
  private func keplerOrbits() -> EstimatorComparison {
    let (anomalies, shapes) = ([1.0, 1, 1, 0.3], [0.1, 0.5, 0.9, 0.9])
    let times = zip(anomalies, shapes).map { $0 - $1 * sin($0) }
    let m = Tensor(times, shape: [4, 1], dtype: .float64).variable()
    let e = Tensor(shapes, shape: [4, 1], dtype: .float64).variable()
    return EstimatorComparison(
      of: FixedPointMap { z in m + e * z.sin() }, from: m.detached(),
      until: .tolerance(relative: 1e-14, limit: 2000),
      parameters: [.init("M", [m]), .init("e", [e])]
    ) { $0.sum() }
  }

  /// p = .85 P p + .15 / n for 60 pages with random links.
  private func pageRank(_ generator: inout Philox) -> EstimatorComparison {
    let count = 60
    let draws = Tensor.uniform([count, count], dtype: .float64, using: &generator).scalars
    let links = Tensor(draws.map { $0 < 0.08 ? 1 : 0.001 }, shape: [count, count], dtype: .float64)
    let p = (links / links.sum(alongAxis: 0, keepingAxis: true)).variable()
    let jump = Tensor.full(0.15 / Double(count), [1, count], dtype: .float64).variable()
    return EstimatorComparison(
      of: FixedPointMap { z in z.matmul(p, transposingOther: true) * 0.85 + jump },
      from: .zeros([1, count], dtype: .float64), using: .broyden(updates: 60),
      until: .tolerance(relative: 1e-14, limit: 500),
      parameters: [.init("links", [p]), .init("jumps", [jump])]
    ) { $0.slice(0..<3, alongAxis: 1).sum() }
  }
}
