import ConformanceChecks

// snippet.checks
let failures = try EstimatorChecks(MinimalResidual(steps: 60), accuracy: 1e-6).failures()
guard failures.isEmpty else { fatalError(failures.joined(separator: "\n")) }
print("minimal residual passes every check")
// snippet.end
