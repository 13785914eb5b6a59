import EstimatorComparison
import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct SweepTests {
  @Test("errors by terms: seen and predicted are the same curve")
  func terms() throws {
    let sweep = try comparison(.manufacturedTanh(0.45)).errors(byTerms: [1, 5, 10])
    let seen = try #require(sweep["seen, relaxation 1"])
    let predicted = try #require(sweep["predicted, relaxation 1"])
    #expect(seen.map(\.x) == [1, 5, 10])
    for (a, b) in zip(seen, predicted) { #expect(abs(a.y - b.y) < 1e-12) }
    #expect(seen[0].y > seen[1].y && seen[1].y > seen[2].y)
  }

  @Test("errors by products: each method spends what it is given")
  func products() throws {
    let sweep = try comparison(.manufacturedTanh(0.45)).errors(byProducts: [2, 4, 8, 16])
    #expect(sweep.curves.map(\.points.count) == [4, 4, 4, 4])
    for name in ["series", "series, relaxation 0.5", "adjoint Anderson"] {
      #expect(try #require(sweep[name]).map(\.x) == [2, 4, 8, 16], "\(name)")
    }
    // It keeps a product for its residual, and is done after a space of 8 dimensions.
    let krylov = try #require(sweep["GMRES"]).map(\.x)
    #expect(zip(krylov, [2, 4, 8, 16]).allSatisfy { $0 <= $1 })
    let series = try #require(sweep["series"]).map(\.y)
    #expect(zip(series, series.dropFirst()).allSatisfy { $0 > $1 })
    // A Krylov space of 8 dimensions holds the solution.
    #expect(try #require(sweep["GMRES"]?.last).y < 1e-12)
    #expect(try #require(sweep["GMRES"]?[1]).y > 1e-3 && series[3] > 1e-4)
  }

  @Test("an unconverged z* costs in proportion to its residual, unless bias hides it")
  func tolerance() throws {
    let sweep = try comparison(.manufacturedTanh(0.45)).errors(
      byTolerance: [1e-2, 1e-4, 1e-6, 1e-8])
    let exact = try #require(sweep["exact adjoint (dense LU)"]).map(\.y)
    for (looser, tighter) in zip(exact, exact.dropFirst()) {
      #expect(tighter < looser / 20 && tighter > looser / 2000)
    }
    let biased = try #require(sweep["one step"]).map(\.y)
    #expect(abs(biased[3] - biased[2]) < 1e-4 && biased[3] > 0.5)
  }

  @Test("errors do not depend on the cotangent's size")
  func scale() throws {
    let sweep = try comparison(.manufacturedTanh(0.45)).errors(
      byCotangentScale: [1e-12, 1, 1e8])
    for curve in sweep.curves {
      for point in curve.points {
        #expect(abs(point.y - curve.points[1].y) < 1e-12, "\(curve.name)")
      }
    }
  }

  @Test("memory: unrolling grows with the iterations, implicit differentiation does not")
  func costs() async {
    // The counters are process-wide.
    await #expect(processExitsWith: .success) {
      let sweep = try comparison(.manufacturedTanh(0.45)).costs(byIterations: [1, 10, 100])
      for costs in [sweep.tapeNodes, sweep.tapeMemory, sweep.peakMemory] {
        let implicit = try #require(costs["one step"]).map(\.y)
        #expect(implicit[1] == implicit[2], "\(costs.title)")
        let unrolled = try #require(costs["unrolled"]).map(\.y)
        // At the peak, gradients are alive, too, as many for any number of iterations.
        let growth = costs.title == sweep.peakMemory.title ? 2.0 : 8
        #expect(unrolled[2] > growth * unrolled[1], "\(costs.title): \(unrolled)")
      }
      let times = try #require(sweep.backwardTime["unrolled"])
      #expect(times.allSatisfy { $0.y > 0 })
    }
  }

  @Test("times, bytes and nodes are measured for each estimator")
  func measuredCosts() async {
    await #expect(processExitsWith: .success) {
      var timed = comparison(
        .manufacturedTanh(0.45),
        estimators: [
          ComparedEstimator("one step", .oneStep), ComparedEstimator("unrolled", .unrolled),
        ])
      timed.repeats = 3
      let report = try timed.report()
      let (implicit, unrolled) = (report.rows[0], report.rows[1])
      #expect(try #require(implicit.forwardSeconds) > 0)
      #expect(try #require(unrolled.backwardSeconds) > 0)
      #expect(try #require(unrolled.tapeNodes) > 10 * (try #require(implicit.tapeNodes)))
      #expect(try #require(unrolled.peakBytes) > 4 * (try #require(implicit.peakBytes)))
    }
  }
}
