import CKernels
import COpenBLAS
import COpenBLASSettings

/// The processor that computes, and the kernels that were chosen for it.
///
/// ```swift
/// print(Machine.current.openBLASKernels)   // SkylakeX
/// print(ProductRate().perCore)             // Gflop/s
/// ```
/// OpenBLAS runs on the thread that calls it, with the best kernels that it has for the processor
/// ([why](../../Docs/Explanation/Decisions/KernelsForTheProcessor.md)).
public struct Machine: Sendable, Codable {
  /// The processor's name for itself, or "unknown".
  public let processor: String
  /// The vector instructions whose registers the operating system saves.
  public let features: [String]
  /// OpenBLAS's description of itself: its version and build options.
  public let openBLAS: String
  /// The kernels that OpenBLAS itself chose when it was loaded.
  public let openBLASChoice: String
  /// The kernels of OpenBLAS that are in use.
  public let openBLASKernels: String
  /// Why these kernels are in use.
  public let reason: String
  /// The variant of this library's own kernels: avx512, avx2, baseline or plain C.
  public let kernels: String
  /// The number of processors that the process may run on.
  public let processors: Int
  /// How many processors' worth of time the process's control groups grant it; nil if they set no
  /// bound.
  public let processorQuota: Double?
  /// The number of workers (`Workers.count`).
  public let workers: Int
  /// The memory of the machine, in bytes.
  public let memory: Int

  /// This machine, as this process uses it.
  public static var current: Machine { Machine() }

  private init() {
    let choice = cos_chosen()
    let quota = ck_processor_quota("")
    processor = String(cString: ck_processor_name())
    features = String(cString: ck_processor_features()).split(separator: " ").map(String.init)
    openBLAS = String(cString: openblas_get_config())
    openBLASChoice = withUnsafeBytes(of: choice.own, Machine.text)
    openBLASKernels = withUnsafeBytes(of: choice.used, Machine.text)
    reason = Machine.reasons[Int(choice.reason)]
    kernels = String(cString: ck_kernel_variant())
    processors = ck_allowed_processors()
    processorQuota = quota > 0 ? quota : nil
    workers = Workers.count
    memory = ck_machine_memory()
  }

  /// The reasons in the order of COpenBLASSettings.h.
  private static let reasons = [
    "OpenBLAS's own choice", "chosen by this library: OpenBLAS did not know the processor",
    "chosen by OPENBLAS_CORETYPE", "this build of OpenBLAS has no better ones to change to",
    "OpenBLAS's own choice: better ones gave wrong results",
  ]

  private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Whether products and a factorisation with the kernels in use equal those of plain loops.
  ///
  /// Takes some milliseconds.
  public static var productsAreRight: Bool {
    var library = cos_linked_library()
    return cos_products_are_right(&library) != 0
  }
}

/// How fast OpenBLAS multiplies single-precision matrices on this machine, in Gflop/s.
public struct ProductRate: Sendable, Codable {
  /// The rate on one core.
  public let perCore: Double
  /// The rate on all workers at once, in real time; on a busy machine it is less than the sum of
  /// theirs.
  public let together: Double
  /// The most that the vector instructions can give one core at its present clock.
  ///
  /// This supposes two multiply-adds a cycle; many processors with AVX-512 give half of it.
  public let promisedPerCore: Double

  /// Whether a core does less than a quarter of `promisedPerCore`, which is a sign that kernels for
  /// another processor are in use.
  public var isSlow: Bool { perCore < promisedPerCore / 4 }

  /// Measures 14 to 85 attempts of 134 million operations: some 20 ms where a core does 100 Gflop/s.
  public init() {
    let (size, repetitions) = (256, 4)
    let operations = 2 * Double(size * size * size * repetitions) / 1e9
    let workers = Workers.count
    let ones = [Float](repeating: 1, count: size * size)
    @Sendable func multiply() {
      var product = [Float](repeating: 0, count: size * size)
      ck_expect_product_memory(workers)
      for _ in 0..<repetitions {
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(size), Int32(size), Int32(size), 1, ones,
          Int32(size), ones, Int32(size), 0, &product, Int32(size))
      }
    }
    multiply()
    // The best of several attempts in the thread's own time, so that the time of other processes
    // does not count.
    let alone = ProductRate.least(of: 4, ck_thread_seconds, multiply)
    // A thread that has just been woken may share a processor with its waker until the system moves
    // it, so these attempts go on while they become faster.
    let shared = ProductRate.least(of: 80, ck_seconds) {
      _ = Workers.map(workers) { _ in multiply() }
    }
    perCore = operations / alone
    together = Double(workers) * operations / shared
    promisedPerCore = Double(ck_processor_operations_per_cycle()) * ck_processor_clock() / 1e9
  }

  /// The least time of `body`, by the given clock, in some attempts; fewer if eight in a row have not made it
  /// less by a fiftieth.
  private static func least(of attempts: Int, _ clock: () -> Double, _ body: () -> Void) -> Double {
    var least = Double.infinity
    var inVain = 0
    for _ in 0..<attempts where inVain < 8 {
      let start = clock()
      body()
      let seconds = clock() - start
      inVain = seconds < 0.98 * least ? 0 : inVain + 1
      least = min(least, seconds)
    }
    return least
  }
}
