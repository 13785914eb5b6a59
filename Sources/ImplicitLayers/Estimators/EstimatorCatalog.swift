import Tensors

extension Catalog where Value == any BackwardEstimator {
  /// The backward estimators.
  ///
  /// - Parameters:
  ///   - tolerance: of those that iterate.
  ///   - policy: what those do that can fail.
  /// - Returns: the table.
  public static func estimators(
    tolerance: Double, onFailure policy: FailurePolicy = .throwing
  ) -> Catalog {
    let counts = 1...Int.max
    return Catalog(entries: [
      CatalogEntry("implicit", .oneStep),
      CatalogEntry(
        "unrolled", .unrolled, numbers: ["STEPS (the last ones only)"],
        rule: "STEPS is a whole number, 1 or more", example: "2"
      ) { count($0[0], in: counts).map { .unrolled(lastSteps: $0) } },
      CatalogEntry(
        "neumann", numbers: ["TERMS"], rule: "TERMS is a whole number, 1 or more", example: "3"
      ) { count($0[0], in: counts).map { .neumann(terms: $0) } },
      CatalogEntry(
        "phantom", numbers: ["TERMS", "RELAXATION"],
        rule: "TERMS is a whole number, 1 or more, and RELAXATION above 0 and at most 1",
        example: "5:0.5"
      ) { numbers in
        guard let terms = count(numbers[0], in: counts), let relaxation = fraction(numbers[1])
        else { return nil }
        return .neumann(terms: terms, relaxation: relaxation)
      },
      CatalogEntry("exact", .exact(onFailure: policy)),
      CatalogEntry("least-squares", .leastSquares(onFailure: policy)),
      CatalogEntry("gmres", .gmres(tolerance: tolerance, onFailure: policy)),
      CatalogEntry("bicgstab", .biCGStab(tolerance: tolerance, onFailure: policy)),
      CatalogEntry("iteration", .iterative(.picard(), tolerance: tolerance, onFailure: policy)),
      CatalogEntry("anderson", .iterative(.anderson(), tolerance: tolerance, onFailure: policy)),
      CatalogEntry("broyden", .iterative(.broyden(), tolerance: tolerance, onFailure: policy)),
      CatalogEntry("quasi-newton", .quasiNewtonReuse(onFailure: policy)),
      CatalogEntry("straight-through", .straightThrough()),
      CatalogEntry("measured", .measured(.oneStep)),
      CatalogEntry("reversible", .reversible()),
    ])
  }
}
