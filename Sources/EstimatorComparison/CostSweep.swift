import ImplicitLayers
import Tensors

/// What a gradient costs against the number of iterations before it.
///
/// The table of complexities of Chang, Griffiths and Levine ("Object Representations as Fixed
/// Points", section 3), measured: backpropagation through n iterations takes time and memory
/// O(n), implicit differentiation O(1).
public struct CostSweep: Sendable, Codable {
  /// The median time of a forward pass.
  public let forwardTime: ComparisonSweep
  /// The median time of a backward pass.
  public let backwardTime: ComparisonSweep
  /// What is alive between the passes: z* and the tape.
  public let tapeMemory: ComparisonSweep
  /// The nodes of the tape.
  public let tapeNodes: ComparisonSweep
  /// The most that is alive at once, in either pass.
  public let peakMemory: ComparisonSweep

  /// All five sweeps, in the order in which they are shown.
  public var all: [ComparisonSweep] {
    [forwardTime, backwardTime, tapeMemory, tapeNodes, peakMemory]
  }
}

extension EstimatorComparison {
  /// Measures whole passes with a fixed number of iterations.
  ///
  /// - Parameters:
  ///   - iterations: numbers of evaluations of the solve.
  ///   - compared: default one step, 5 terms, unrolling, with and without checkpoints.
  ///   - solver: how to iterate; default the comparison's. One with a memory of its own, as
  ///     quasi-Newton methods have, adds that to what is kept.
  /// - Returns: a curve of each cost for each estimator.
  /// - Throws: what the map or an estimator throws.
  public func costs(
    byIterations iterations: [Int] = [1, 2, 4, 8, 16, 32, 64],
    of compared: [ComparedEstimator] = [
      ComparedEstimator("one step", .oneStep), ComparedEstimator("5 terms", .neumann(terms: 5)),
      ComparedEstimator("unrolled, checkpoints", .unrolled(keeping: .squareRoot)),
      ComparedEstimator("unrolled", .unrolled),
    ], using solver: (any ForwardSolver)? = nil
  ) throws -> CostSweep {
    let problem = try problem()
    guard problem.initial != nil else { throw NothingToUnroll() }
    var costs: [(Double, [PassCost?])] = []
    for count in iterations {
      costs.append(
        (
          Double(count),
          try self.costs(
            of: compared, on: problem, using: solver ?? self.solver, until: .evaluations(count),
            repeats: max(repeats, 1))
        ))
    }
    func sweep(
      _ title: String, _ quantity: String, _ unit: String?, _ number: (PassCost) -> Double
    ) -> ComparisonSweep {
      let curves = compared.indices.map { index in
        ComparisonSweep.Curve(
          compared[index].name,
          costs.compactMap { count, all in all[index].map { (count, number($0)) } })
      }
      return ComparisonSweep(
        title: title, variable: "iterations", quantity: quantity, unit: unit, isLogarithmic: true,
        curves: curves)
    }
    return CostSweep(
      forwardTime: sweep("Forward pass", "time", "ms") { $0.forwardSeconds * 1e3 },
      backwardTime: sweep("Backward pass", "time", "ms") { $0.backwardSeconds * 1e3 },
      tapeMemory: sweep("Memory between the passes", "memory", "kB") { Double($0.tapeBytes) / 1e3 },
      tapeNodes: sweep("Nodes of the tape", "nodes", nil) { Double($0.tapeNodes) },
      peakMemory: sweep("Peak memory", "memory", "kB") { Double($0.peakBytes) / 1e3 })
  }
}
