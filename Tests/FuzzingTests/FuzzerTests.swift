// Built by `make fuzz` only, with the instrumentation and the library of libFuzzer.
#if FUZZING
  import AllocationPeak
  import Foundation
  import Testing

  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt

  /// The parser of this process: libFuzzer's target is a C function, which captures nothing.
  private let parser = ProcessInfo.processInfo.environment["FUZZED_PARSER"]
    .flatMap(FuzzedParser.init)

  /// The search for inputs that no parser may stop at.
  ///
  /// The script `.ci/fuzz` runs it in a process for each parser, because libFuzzer ends the process.
  @Suite struct FuzzerTests {
    @Test(.enabled(if: parser != nil)) func search() {
      forgetThrows()
      let words = (ProcessInfo.processInfo.environment["FUZZER_ARGUMENTS"] ?? "")
        .split(separator: " ")
      var arguments: [UnsafeMutablePointer<CChar>?] =
        (["fuzzer"] + words).map { strdup(String($0)) } + [nil]
      var count = CInt(arguments.count - 1)
      arguments.withUnsafeMutableBufferPointer { buffer in
        var start = buffer.baseAddress
        let status = runDriver(&count, &start) { bytes, count in
          guard let parser else { return 0 }
          let isCounted = ap_begin() != 0
          parser.read(Array(UnsafeBufferPointer(start: bytes, count: count)))
          if isCounted, ap_peak() > parser.mostBytes(reading: count) {
            fatalError("\(count) bytes of \(parser) take \(ap_peak()) bytes of memory")
          }
          return 0
        }
        #expect(status == 0)
      }
    }

    /// Takes away what the tests' library does where an error is thrown.
    ///
    /// It keeps the place of each error: a table that takes more memory than an input may after the first
    /// million of them, and time at each.
    private func forgetThrows() {
      for name in ["_swift_willThrow", "_swift_willThrowTypedImpl"] {
        dlsym(nil, name)?.storeBytes(of: nil, as: UnsafeRawPointer?.self)
      }
    }
  }
#endif
