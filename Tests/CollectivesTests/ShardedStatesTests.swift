import Collectives
import ImplicitLayers
import Tensors
import Testing

/// Norms, inner products and solves of states of which every rank has a part.
@Suite struct ShardedStatesTests {
  /// The columns of a rank.
  private static func part(_ whole: Tensor, _ ranks: Communicator) -> Tensor {
    whole.slice(ranks.share(of: whole.shape[1]), alongAxis: 1)
  }

  private static func uniform(_ shape: Shape, _ dtype: DType = .float64, seed: UInt64) -> Tensor {
    var draws = Philox(seed: seed)
    return .uniform(shape, dtype: dtype, using: &draws) - 0.5
  }

  @Test("norms are of whole samples, also those whose squares overflow or underflow")
  func norms() throws {
    let infinity = Double.infinity
    let rows: [[Double]] = [
      [1, 2, 3, 4, 5], [3e200, 0, 0, 4e200, 0], [0, 3e-200, 0, 0, 4e-200], [0, 0, 0, 0, 0],
      [1, 2, .nan, 4, 5], [1, -infinity, 0, 2, 3], [0, 0, 0, 0, .leastNonzeroMagnitude],
    ]
    let whole = Tensor(rows.flatMap { $0 }, shape: [7, 5], dtype: .float64)
    let expected = whole.normsOfSamples
    for size in [2, 3, 5] {
      let found = try Communicator.watched(size) { ranks in
        let own = ShardedStatesTests.part(whole, ranks)
        let outside = own.normsOfSamples
        let norms = ranks.withShardedStates { own.normsOfSamples }
        #expect(own.normsOfSamples.elementsEqual(outside) { $0 == $1 || ($0.isNaN && $1.isNaN) })
        return norms
      }
      for norms in found.values {
        for (norm, exact) in zip(norms, expected) {
          let isSame =
            norm == exact || (norm.isNaN && exact.isNaN)
            || abs(norm - exact) <= 1e-14 * exact
          #expect(isSame, "\(norm) instead of \(exact)")
        }
      }
    }
  }

  @Test(
    "inner products and least squares are of whole samples",
    arguments: [DType.float32, .float64])
  func products(_ dtype: DType) throws {
    let vectors = (0..<6).map { ShardedStatesTests.uniform([3, 11], dtype, seed: $0) }
    @Sendable func numbers(_ ranks: Communicator) throws -> [Double] {
      let parts = vectors.map { ShardedStatesTests.part($0, ranks) }
      return try ranks.withShardedStates {
        var (window, regression) = (VectorWindow(capacity: 3), LeastSquaresWindow(capacity: 3))
        var coefficients: [Double] = []
        for step in 0..<5 {
          window.set(step % 3, to: parts[step])
          regression.set(step % 3, to: parts[step], minus: parts[5])
          if step == 3 { regression.clear([false, true, false]) }
          coefficients += try regression.coefficients(of: parts[5], ridge: 1e-8).scalars
        }
        return coefficients + window.innerProducts(with: parts[5]).scalars
          + parts[0].innerProductsOfSamples(with: parts[1])
      }
    }
    let one = try numbers(.alone)
    for size in [2, 3, 4] {
      for found in try Communicator.watched(size, numbers).values {
        let worst = zip(found, one).map { abs($0 - $1) }.max() ?? .nan
        #expect(found.count == one.count && worst < (dtype == .float32 ? 1e-4 : 1e-12), "\(worst)")
      }
    }
  }

  @Test("linear systems are solved as by one process", arguments: ["gmres", "bicgstab"])
  func linearSystems(_ name: String) throws {
    let right = ShardedStatesTests.uniform([2, 9, 1], seed: 3)
    @Sendable func solve(_ ranks: Communicator) throws -> ([Double], Int) {
      let solver: any LinearSolver =
        name == "gmres" ? GMRES(dimension: 7, tolerance: 1e-12) : BiCGStab(tolerance: 1e-12)
      let found = try ranks.withShardedStates {
        try solver.solve(ShardedStatesTests.part(right, ranks)) { x in
          // What the operator computes is its own: a norm is one of the part.
          let own = x.normsOfSamples
          #expect(zip(own, StateView.norms(x)).allSatisfy { abs($0 - $1) <= 1e-12 * $1 })
          let rows = x.shape[1]
          let wide = try ranks.addingHalos(to: x)
          return x * 3 - wide.slice(0..<rows, alongAxis: 1)
            - wide.slice(2..<rows + 2, alongAxis: 1) * 0.5
        }
      }
      #expect(found.report.converged)
      let own = found.value.reshaped([2, found.value.shape[1]])
      // By sample, the columns of all ranks.
      let all = (0..<2).flatMap { sample in
        ranks.gather(own.slice(sample..<sample + 1).scalars).joined()
      }
      return (all, found.report.applications)
    }
    let one = try solve(.alone)
    for size in [2, 4] {
      for found in try Communicator.watched(size, solve).values {
        #expect(found.1 == one.1)
        #expect(zip(found.0, one.0).allSatisfy { abs($0 - $1) < 1e-10 } && found.0.count == 18)
      }
    }
  }

  private static let zeros = Tensor.zeros([1, 13], dtype: .float64)

  /// A chain z_i = tanh(w (z_{i-1} + z_{i+1}) + x_i), two samples, the second much easier.
  private static func chain(
    _ ranks: Communicator, _ start: Tensor, using solver: any ForwardSolver,
    estimator: any BackwardEstimator = .gmres(tolerance: 1e-12)
  ) throws -> (report: SolveReport, z: [Double], gradient: Double, second: Double) {
    let x = part(.concatenated([uniform([1, 13], seed: 5), zeros]), ranks)
    let w = Tensor(0.4, dtype: .float64).variable()
    let rows = x.shape[1]
    let solution = try ranks.withShardedStates {
      try solveFixedPoint(
        from: part(start, ranks), using: solver, estimator: estimator,
        until: .tolerance(relative: 1e-13, absolute: 1e-14, limit: 300, onFailure: .keeping)
      ) { z in
        let wide = try ranks.addingHalos(to: z)
        let sum = wide.slice(0..<rows, alongAxis: 1) + wide.slice(2..<rows + 2, alongAxis: 1)
        return (sum * w + x).tanh()
      }
    }
    let failed = solution.report.failed.count
    let z = ranks.gather(solution.value.detached().slice(0..<1).scalars).flatMap { $0 }
    guard failed == 0 else { return (solution.report, z, 0, 0) }
    let loss = solution.value.square().sum()
    let first = try gradients(of: loss, creatingGraph: true)[w] ?? w.zerosLike()
    let second = first.isRecorded ? try gradients(of: first)[w]?.scalar ?? 0 : 0
    return (solution.report, z, ranks.sum(first.scalar), ranks.sum(second))
  }

  private static let solvers: [String: any ForwardSolver] = [
    "picard": .picard(), "anderson": .anderson(depth: 4), "broyden": .broyden(updates: 8),
    "newton-krylov": .newtonKrylov(), "automatic": .automatic,
  ]

  @Test(
    "every solver of products finds what one process finds, with both derivatives",
    arguments: ["anderson", "automatic", "broyden", "newton-krylov", "picard"])
  func solves(_ name: String) throws {
    let start = ShardedStatesTests.uniform([2, 13], seed: 8)
    let solve: @Sendable (Communicator) throws -> (SolveReport, [Double], Double, Double) = {
      try ShardedStatesTests.chain($0, start, using: #require(ShardedStatesTests.solvers[name]))
    }
    let one = try solve(.alone)
    #expect(one.0.converged && one.2 != 0 && one.3 != 0)
    for size in [2, 3, 4] {
      for found in try Communicator.watched(size, solve).values {
        #expect(found.0.converged, "\(found.0)")
        #expect(zip(found.1, one.1).allSatisfy { abs($0 - $1) < 1e-11 } && found.1.count == 13)
        #expect(abs(found.2 - one.2) < 1e-9 * abs(one.2), "\(found.2) instead of \(one.2)")
        #expect(abs(found.3 - one.3) < 1e-8 * abs(one.3), "\(found.3) instead of \(one.3)")
      }
    }
  }

  private static let estimators: [String: any BackwardEstimator] = [
    "bicgstab": .biCGStab(tolerance: 1e-12), "neumann": .neumann(terms: 4), "one step": .oneStep,
    "iterative": .iterative(.anderson(), tolerance: 1e-12, limit: 300),
    "reused": .quasiNewtonReuse(), "refined": .quasiNewtonReuse(refinements: 3),
    "gmres with the inverse": .gmres(tolerance: 1e-12, reusingInverse: true),
    "bicgstab with the inverse": .biCGStab(tolerance: 1e-12, reusingInverse: true),
    "picard's steps again": .unrolled(keeping: .checkpoints(every: 3)),
  ]

  @Test(
    "every estimator of products finds what it finds in one process",
    arguments: [
      "bicgstab", "neumann", "one step", "iterative", "reused", "refined", "gmres with the inverse",
      "bicgstab with the inverse", "picard's steps again",
    ])
  func estimates(_ name: String) throws {
    let start = ShardedStatesTests.uniform([2, 13], seed: 8)
    let solver: any ForwardSolver =
      name == "picard's steps again" ? .picard() : .broyden(updates: 8)
    let solve: @Sendable (Communicator) throws -> (SolveReport, [Double], Double, Double) = {
      try ShardedStatesTests.chain(
        $0, start, using: solver, estimator: #require(ShardedStatesTests.estimators[name]))
    }
    let one = try solve(.alone)
    #expect(one.0.converged && one.2 != 0)
    for size in [2, 3] {
      for found in try Communicator.watched(size, solve).values {
        #expect(zip(found.1, one.1).allSatisfy { abs($0 - $1) < 1e-10 } && found.1.count == 13)
        #expect(abs(found.2 - one.2) < 1e-8 * abs(one.2), "\(found.2) instead of \(one.2)")
        #expect(abs(found.3 - one.3) < 1e-6 * abs(one.3) + 1e-12, "\(found.3), \(one.3)")
      }
    }
  }

  @Test("a layer in the map, and its gradient, are whole wherever gradients are taken")
  func nested() throws {
    let x = ShardedStatesTests.uniform([1, 13], seed: 5)
    @Sendable func solve(_ ranks: Communicator, inside: Bool) throws -> (Double, [Double]) {
      let own = ShardedStatesTests.part(x, ranks)
      let w = Tensor(0.3, dtype: .float64).variable()
      let source = own.variable()
      func loss() throws -> Tensor {
        try fixedPoint(
          from: own, using: .anderson(), estimator: .gmres(tolerance: 1e-12),
          until: .tolerance(relative: 1e-12, limit: 200)
        ) { z in
          // As many steps as this rank's part needs: other ranks have other numbers of them.
          let inner = try fixedPoint(
            from: z.detached(), using: .picard(), estimator: .gmres(tolerance: 1e-13),
            until: .tolerance(relative: 1e-14, limit: 300)
          ) { y in (y * source).sin() * 0.5 + z * w }
          return inner.tanh() * 0.5 + source
        }.square().sum()
      }
      let table =
        inside
        ? try ranks.withShardedStates { try gradients(of: loss()) }
        : try gradients(of: ranks.withShardedStates(loss))
      return (
        ranks.sum(table[w]?.scalar ?? .nan),
        ranks.gather(table[source]?.scalars ?? []).flatMap { $0 }
      )
    }
    let one = try solve(.alone, inside: false)
    for inside in [false, true] {
      for found in try Communicator.watched(3, { try solve($0, inside: inside) }).values {
        #expect(abs(found.0 - one.0) < 1e-9 * abs(one.0), "\(found.0) instead of \(one.0)")
        #expect(zip(found.1, one.1).allSatisfy { abs($0 - $1) < 1e-9 } && found.1.count == 13)
      }
    }
  }

  @Test("the second derivative is that of differences")
  func secondDerivative() throws {
    // dL/dw at w +- h, where L is found anew.
    let start = ShardedStatesTests.uniform([2, 13], seed: 8)
    let found = try ShardedStatesTests.chain(.alone, start, using: .anderson())
    let x = Tensor.concatenated(
      [ShardedStatesTests.uniform([1, 13], seed: 5), ShardedStatesTests.zeros])
    func slope(_ value: Double) throws -> Double {
      let w = Tensor(value, dtype: .float64).variable()
      let z = try fixedPoint(
        from: start, using: .anderson(), estimator: .exact,
        until: .tolerance(relative: 1e-13, absolute: 1e-14, limit: 300)
      ) { z in
        let wide = try Communicator.alone.addingHalos(to: z)
        let sum = wide.slice(0..<13, alongAxis: 1) + wide.slice(2..<15, alongAxis: 1)
        return (sum * w + x).tanh()
      }
      return try gradients(of: z.square().sum())[w]?.scalar ?? .nan
    }
    #expect(abs(try slope(0.4) - found.gradient) < 1e-9 * abs(found.gradient))
    let difference = (try slope(0.4001) - slope(0.3999)) / 0.0002
    #expect(abs(difference - found.second) < 1e-5 * abs(difference), "\(difference)")
  }

  @Test("what is not finite on one rank ends the sample on all")
  func notFinite() throws {
    var numbers = ShardedStatesTests.uniform([2, 13], seed: 8).scalars
    numbers[3] = .nan
    let start = Tensor(numbers, shape: [2, 13], dtype: .float64)
    let found = try Communicator.watched(3) {
      try ShardedStatesTests.chain($0, start, using: .anderson()).report
    }
    for found in found.values {
      #expect(found.samples.map(\.outcome) == [.nonFinite, .converged])
    }
  }

  @Test("one rank takes the way of no ranks, in every bit")
  func oneRank() throws {
    let start = ShardedStatesTests.uniform([2, 13], seed: 8)
    let alone = try ShardedStatesTests.chain(.alone, start, using: .anderson())
    let one = try Communicator.watched(1) {
      try ShardedStatesTests.chain($0, start, using: .anderson())
    }.values[0]
    #expect(one.z == alone.z && one.gradient == alone.gradient && one.second == alone.second)
    #expect(one.report.samples == alone.report.samples)
  }

  @Test("a minimum of a loss whose parts lie on the ranks", arguments: [false, true])
  func minimum(_ byCurvature: Bool) throws {
    let x = ShardedStatesTests.uniform([1, 13], seed: 5)
    @Sendable func solve(_ ranks: Communicator) throws -> [Double] {
      let b = ShardedStatesTests.part(x, ranks) * 8
      let rows = b.shape[1]
      let z = try ranks.withShardedStates {
        try ImplicitLayers.minimum(
          of: { z in
            let wide = try ranks.addingHalos(to: z)
            // Every edge once: to the next one.
            let edges = wide.slice(2..<rows + 2, alongAxis: 1) - z
            return (z.square().square() * 0.25 + edges.square() - b * z).sum(alongAxis: 1)
          }, from: b.zerosLike(), using: byCurvature ? .newtonCG() : .lbfgs(), estimator: .gmres())
      }
      return ranks.gather(z.detached().scalars).flatMap { $0 }
    }
    let one = try solve(.alone)
    for found in try Communicator.watched(3, solve).values {
      #expect(zip(found, one).allSatisfy { abs($0 - $1) < 1e-5 } && found.count == 13)
    }
  }

  @Test("a method that needs the whole state stops, and says what to use")
  func matrices() async throws {
    for word in ["newton", "exact", "unrolled"] {
      let result = await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) { [word = word as String] in
        let solver: any ForwardSolver = word == "newton" ? .newton() : .anderson()
        let estimator: any BackwardEstimator =
          word == "exact" ? .exact : word == "unrolled" ? .unrolled : .gmres()
        _ = try Communicator.watched(2) {
          try ShardedStatesTests.chain(
            $0, .zeros([2, 13], dtype: .float64), using: solver, estimator: estimator
          ).gradient
        }
      }
      let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
      #expect(text.contains("sharded over ranks") && text.contains(".gmres()"), "\(word): \(text)")
    }
  }
}

/// The norms of a tensor, computed by hand.
private enum StateView {
  static func norms(_ x: Tensor) -> [Double] {
    x.square().sum(alongAxis: -1).sum(alongAxis: -1).scalars.map { $0.squareRoot() }
  }
}
