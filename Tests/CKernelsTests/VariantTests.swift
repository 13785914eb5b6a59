import CKernels
import Foundation
import Testing

@Suite struct VariantTests {
  @Test("the variant of the kernels is the best that the processor can run, or the one asked for")
  func variant() {
    let variant = String(cString: ck_kernel_variant())
    #if arch(x86_64) && os(Linux)
      let best =
        switch Int(ck_processor_level()) {
        case ck_level_avx512: "avx512"
        case ck_level_avx2: "avx2"
        default: "baseline"
        }
      #expect(variant == ProcessInfo.processInfo.environment["IMPLICIT_LAYERS_KERNELS"] ?? best)
    #else
      #expect(variant == "plain C")
    #endif
  }

  @Test func theProcessorIsDescribed() {
    #expect(!String(cString: ck_processor_name()).isEmpty)
    let features = String(cString: ck_processor_features()).split(separator: " ")
    #expect(Set(features).count == features.count)
    #expect(features.contains("avx512vl") == (Int(ck_processor_level()) == ck_level_avx512))
    // No processor that runs Swift is slower or faster than that.
    #expect((1e8...1e10).contains(ck_processor_clock()))
  }
}
