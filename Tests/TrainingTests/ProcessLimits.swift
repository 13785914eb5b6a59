import Foundation

/// Facts and limits of the process, for tests that have one of their own.
enum ProcessLimits {
  /// The largest resident size so far, in bytes.
  static var peakResidentBytes: Int {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #else
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
