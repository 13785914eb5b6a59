/// Stops the process because the caller broke a precondition, with `message` on standard error.
///
/// Unlike `preconditionFailure`, the message is printed in optimised builds too.
public func callerMistake(
  _ message: @autoclosure () -> String, file: StaticString = #file, line: UInt = #line
) -> Never {
  fatalError(message(), file: file, line: line)
}

/// Stops with `message` unless `condition` holds.
@inline(__always)
public func expect(
  _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #file,
  line: UInt = #line
) {
  if !condition { callerMistake(message(), file: file, line: line) }
}
