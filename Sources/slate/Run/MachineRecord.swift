import Tensors

/// The machine as run.json and `slate doctor` describe it.
struct MachineRecord: Codable {
  /// Processor, kernels, workers and memory.
  let facts: Machine
  /// The measured rate of matrix products.
  let rate: ProductRate

  /// Measures the rate: some 20 ms.
  init() {
    facts = .current
    rate = ProductRate()
  }

  /// A warning for the user if matrix products are far slower than the processor could compute
  /// them.
  var slowness: String? {
    guard rate.isSlow else { return nil }
    return "matrix products run at \(rate.perCore.short) Gflop/s a core, less than a quarter of "
      + "the \(rate.promisedPerCore.short) that this processor's instructions allow: OpenBLAS uses its "
      + "kernels for \(facts.openBLASKernels) (\(facts.reason)); a newer OpenBLAS, or another "
      + "OPENBLAS_CORETYPE, may be several times as fast (slate doctor says more)"
  }
}
