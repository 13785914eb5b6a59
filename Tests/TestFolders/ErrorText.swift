import Testing

/// What the process of an exit test wrote as it stopped; needs `observing: [\.standardErrorContent]`.
public func errorText(_ result: ExitTest.Result?) -> String {
  String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
}
