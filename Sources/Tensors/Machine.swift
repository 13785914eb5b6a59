import CKernels
import COpenBLAS
import COpenBLASSettings

/// What computes: the processor, and the kernels that were chosen for it.
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
  /// Its vector instructions whose registers the operating system saves.
  public let features: [String]
  /// What OpenBLAS says of itself: version and build options.
  public let openBLAS: String
  /// The kernels that OpenBLAS chose when it was loaded.
  public let openBLASChoice: String
  /// The kernels of OpenBLAS that are used.
  public let openBLASKernels: String
  /// Why these.
  public let reason: String
  /// The variant of this library's own kernels: avx512, avx2, baseline or plain C.
  public let kernels: String
  /// The processors that the process may run on.
  public let processors: Int
  /// The processors' worth of time that the process's control groups leave it, if they bound it.
  public let processorQuota: Double?
  /// The number of workers (`Workers.count`).
  public let workers: Int
  /// The memory of the machine in bytes.
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

  /// In the order of COpenBLASSettings.h.
  private static let reasons = [
    "OpenBLAS's own choice", "chosen by this library: OpenBLAS did not know the processor",
    "chosen by OPENBLAS_CORETYPE", "this build of OpenBLAS has no better ones to change to",
    "OpenBLAS's own choice: better ones gave wrong results",
  ]

  private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Whether products and a factorisation by the kernels in use equal those of plain loops; some
  /// milliseconds.
  public static var productsAreRight: Bool {
    var library = cos_linked_library()
    return cos_products_are_right(&library) != 0
  }
}

/// How fast OpenBLAS multiplies matrices of single precision here, in Gflop/s.
public struct ProductRate: Sendable, Codable {
  /// On one core.
  public let perCore: Double
  /// On all workers at once, in real time: less than their sum on a busy machine.
  public let together: Double
  /// What the vector instructions give one core at its present clock at best.
  ///
  /// With two multiply-adds a cycle; many processors with AVX-512 give half of it.
  public let promisedPerCore: Double

  /// Whether a core does less than a quarter of what its instructions promise: a sign of kernels
  /// for another processor.
  public var isSlow: Bool { perCore < promisedPerCore / 4 }

  /// Measures for about 20 ms, or up to 200 while threads wait for a processor of their own.
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
    // The best of several, in the thread's own time: what other processes take does not count.
    let alone = ProductRate.least(of: 4, ck_thread_seconds, multiply)
    // A thread that wakes up may share a processor with its waker until the system moves it.
    let shared = ProductRate.least(of: 80, until: alone / 0.9, ck_seconds) {
      _ = Workers.map(workers) { _ in multiply() }
    }
    perCore = operations / alone
    together = Double(workers) * operations / shared
    promisedPerCore = Double(ck_processor_operations_per_cycle()) * ck_processor_clock() / 1e9
  }

  /// The least time of `body` by a clock, of some attempts, or of fewer if one is short enough.
  private static func least(
    of attempts: Int, until enough: Double = 0, _ clock: () -> Double, _ body: () -> Void
  ) -> Double {
    var least = Double.infinity
    for _ in 0..<attempts where least > enough {
      let start = clock()
      body()
      least = min(least, clock() - start)
    }
    return least
  }
}
