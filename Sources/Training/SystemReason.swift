import Foundation

extension Error {
  /// The system's description of a failure, such as "No space left on device", if the error comes
  /// from the system; otherwise the error's own description.
  package var systemReason: String {
    let cause = (self as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError
    return cause.map { String(cString: strerror($0.code.rawValue)) } ?? localizedDescription
  }
}
