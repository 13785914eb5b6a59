import Foundation

extension Error {
  /// The system's word for what failed, such as "No space left on device", where the error comes from
  /// the system; else the error's own description.
  package var systemReason: String {
    let cause = (self as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError
    return cause.map { String(cString: strerror($0.code.rawValue)) } ?? localizedDescription
  }
}
