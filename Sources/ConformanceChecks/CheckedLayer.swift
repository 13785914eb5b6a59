import ImplicitLayers
import Tensors

/// A layer whose gradient is checked, as a function of its tensors.
struct CheckedLayer<Layer: FixedPointLayer> {
  /// A layer and its input made from some values, together with the variables that hold these
  /// values.
  typealias Made = (layer: Layer, input: Layer.Input, variables: [Tensor])

  let names: [String]
  let values: [Tensor]
  let make: ([Tensor]) throws -> Made

  /// A solve whose result is differentiated, or compared in a difference.
  private struct Problem {
    let layer: Layer
    let map: FixedPointMap
    let initial: Tensor
    let variables: [Tensor]
  }

  func check(accuracy: Double?, seed: UInt64) throws -> GradientCheck {
    expect(!values.isEmpty, "there is no tensor whose gradient could be checked")
    let problem = try problem(at: values)
    let dtype = problem.initial.dtype
    let allowed = accuracy ?? (dtype == .float64 ? 1e-5 : 1e-2)
    let own = try solution(of: problem, until: problem.layer.stoppingRule)
    let start = own.value.detached()
    var random = Philox(seed: seed)
    let weights = Tensor.normal(start.shape, dtype: dtype, using: &random)
    let directions = values.map { value -> Tensor in
      let direction = Tensor.normal(value.shape, dtype: value.dtype, using: &random)
      let size = norm(value) > 0 ? norm(value) : Double(value.count).squareRoot()
      return direction * (size / norm(direction))
    }
    func slopes(of solution: Solution<Tensor>, _ problem: Problem) throws -> [Double] {
      let table = try gradients(of: solution.value, cotangent: weights)
      return zip(problem.variables, directions).map { variable, direction in
        table[variable].map { ($0 * direction).sum().scalar } ?? 0
      }
    }
    let residual = try relativeResidual(of: problem, at: start)
    func result(_ entries: [GradientCheck.Entry]) -> GradientCheck {
      GradientCheck(
        entries: entries, estimator: problem.layer.estimator.name, residual: residual)
    }
    func all(_ verdict: GradientCheck.Verdict) -> GradientCheck {
      result(
        names.map {
          GradientCheck.Entry(
            name: $0, verdict: verdict, derivative: .nan, difference: .nan, step: .nan, sweep: [])
        })
    }
    if let verdict = try fault(of: problem, at: start) { return all(verdict) }
    let converged = try converged(problem, from: start)
    let rest = try relativeResidual(of: problem, at: converged)
    guard rest <= (dtype == .float64 ? 1e-9 : 1e-4) else { return all(.noSolution(residual: rest)) }
    let derivatives = try slopes(of: own, problem)

    let sweeps = try values.indices.map { index in
      try DifferenceSweep(dtype) { t in
        var moved = values
        moved[index] = moved[index] + directions[index] * t
        let z = try self.converged(self.problem(at: moved), from: converged)
        return ((z - converged) * weights).sum().scalar
      }
    }
    let plateaus = sweeps.map(\.plateau)
    // A derivative below this bound is rounding: of the largest derivative, and of the solution
    // itself.
    let smallest = max(
      1e-6 * (plateaus.map { abs($0.difference) }.filter(\.isFinite).max() ?? 0),
      dtype.machineEpsilon.squareRoot() * dtype.machineEpsilon.squareRoot().squareRoot()
        * norm(converged) * norm(weights))
    func errors(_ slopes: [Double]) -> [Double] {
      zip(slopes, plateaus).map { slope, plateau in
        abs(slope - plateau.difference)
          / max(abs(plateau.difference), abs(slope), smallest, .leastNormalMagnitude)
      }
    }
    let found = errors(derivatives)
    var remedies: (exact: [Double], tight: [Double])?
    if !found.allSatisfy({ $0 <= allowed }) {
      let again = try self.problem(at: values)
      let exact = try ExactAdjoint().solution(
        of: again.map, from: converged, using: .picard(), until: .evaluations(1))
      let tight = try self.problem(at: values)
      remedies = (
        errors(try slopes(of: exact, again)),
        errors(try slopes(of: solution(of: tight, until: Self.tightRule(dtype)), tight))
      )
    }
    return result(
      names.indices.map { index in
        let plateau = plateaus[index]
        let scale = max(abs(plateau.difference), abs(derivatives[index]), smallest)
        let verdict: GradientCheck.Verdict
        let isNoise =
          plateau.spread > 0.5 * abs(plateau.difference)
          && plateau.spread > dtype.machineEpsilon.squareRoot() * norm(converged) * norm(weights)
        if isNoise || !(plateau.spread / scale <= allowed) {
          verdict = .noPlateau(spread: plateau.spread / max(abs(plateau.difference), smallest))
        } else if found[index] <= allowed {
          verdict = .agrees(digits: digits(found[index], dtype))
        } else if let remedies, remedies.exact[index] > allowed {
          verdict = .wrongDerivative(error: found[index])
        } else if let remedies, remedies.tight[index] <= allowed {
          verdict = .looseSolve(error: found[index])
        } else {
          verdict = .biasedEstimator(error: found[index])
        }
        return GradientCheck.Entry(
          name: names[index], verdict: verdict, derivative: derivatives[index],
          difference: plateau.difference, step: plateau.step, sweep: sweeps[index].points)
      })
  }

  private func problem(at values: [Tensor]) throws -> Problem {
    let (layer, input, variables) = try make(values)
    let injection = try layer.inject(input)
    let initial = try layer.initialState(for: injection)
    let layout = StateLayout(of: initial)
    return Problem(
      layer: layer, map: layer.map(given: injection, layout), initial: layout.packed(initial),
      variables: variables)
  }

  private func solution(of problem: Problem, until rule: StoppingRule) throws -> Solution<Tensor> {
    try problem.layer.estimator.solution(
      of: problem.map, from: problem.initial, using: problem.layer.solver, until: rule)
  }

  /// The fixed point near a state, as accurate as the dtype allows.
  private func converged(_ problem: Problem, from state: Tensor) throws -> Tensor {
    try withoutRecording {
      try Automatic([NewtonKrylov(), Anderson(depth: 10), Broyden(), Picard()]).solve(
        problem.map, from: state, until: Self.tightRule(state.dtype)
      ).value
    }
  }

  private static func tightRule(_ dtype: DType) -> StoppingRule {
    .tolerance(relative: 4 * dtype.machineEpsilon, limit: 3000, patience: 30)
  }

  /// The fault of the map itself, at a finite point; nil if there is none.
  private func fault(of problem: Problem, at z: Tensor) throws -> GradientCheck.Verdict? {
    guard z.firstNonFiniteIndex == nil else { return nil }
    let (image, pullback) = try valueWithPullback(at: z, of: problem.map.callAsFunction)
    guard image.firstNonFiniteIndex == nil else { return nil }
    let again = try withoutRecording { try problem.map(z) }
    if again.scalars != image.scalars { return .notDeterministic }
    return try withoutRecording { try mixedSample(of: z, pullback: pullback) }.map {
      .samplesMix($0)
    }
  }

  /// The relative residual |f(z) - z| / |f(z)| of the worst sample.
  private func relativeResidual(of problem: Problem, at z: Tensor) throws -> Double {
    let image = try withoutRecording { try problem.map(z) }
    let residuals = zip((image - z).normsOfSamples, image.normsOfSamples).map { residual, size in
      residual.isFinite ? residual / max(size, z.dtype.machineEpsilon) : .infinity
    }
    return residuals.max() ?? 0
  }
}

/// The Euclidean norm of all elements.
private func norm(_ t: Tensor) -> Double { t.detached().reshaped([1, t.count]).normsOfSamples[0] }

/// The number of digits in which numbers of that relative difference agree.
private func digits(_ error: Double, _ dtype: DType) -> Int {
  var (count, bound) = (0, 1.0)
  let largest = dtype == .float64 ? 15 : 7
  while count < largest, error <= bound / 10 { (count, bound) = (count + 1, bound / 10) }
  return count
}
