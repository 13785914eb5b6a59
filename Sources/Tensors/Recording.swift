import CKernels

/// Whether operators on this thread are recorded on the tape; true at the start of every thread.
public var isRecording: Bool { ck_is_recording() }

/// Runs `body` with recording switched off on this thread, so that the results are constants.
///
/// ```swift
/// let found = try withoutRecording { try solver.solve(map, from: z0, until: rule) }
/// ```
/// The former setting is restored when `body` returns or throws. The call costs a few nanoseconds.
@inline(__always)
public func withoutRecording<Result>(_ body: () throws -> Result) rethrows -> Result {
  try recording(false, body)
}

/// Runs `body` with recording switched on or off on this thread.
@inline(__always)
func recording<Result>(_ on: Bool, _ body: () throws -> Result) rethrows -> Result {
  let before = ck_is_recording()
  ck_set_recording(on)
  defer { ck_set_recording(before) }
  return try body()
}
