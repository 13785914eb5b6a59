import Foundation
import Testing

/// Facts and limits of the process, for tests that have one of their own.
enum ProcessLimits {
  /// The resident size, in bytes.
  static var residentBytes: Int { get throws { try bytes("VmRSS") } }

  /// The largest resident size so far, in bytes.
  ///
  /// Not that of `getrusage`, in which a process that another one started begins with the peak of that one.
  static var peakResidentBytes: Int { get throws { try bytes("VmHWM") } }

  private static func bytes(_ name: String) throws -> Int {
    #if os(Linux)
      let line = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        .split(separator: "\n").first { $0.hasPrefix("\(name):") }
      let words = line?.split(whereSeparator: \.isWhitespace) ?? []
      return try #require(words.dropFirst().first.flatMap { Int($0) }) * 1024
    #else
      var usage = rusage()
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #endif
  }

  /// From now on a write beyond `bytes` of a file fails, as it does on a full disk.
  static func limitFileSize(to bytes: Int) {
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: numericCast(bytes), rlim_max: numericCast(bytes))
    #if os(Linux)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    #else
      setrlimit(RLIMIT_FSIZE, &limit)
    #endif
  }
}
