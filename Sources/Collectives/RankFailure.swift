/// One rank failed, and all know it: every rank throws this error.
public struct RankFailure: Error, CustomStringConvertible {
  /// The ranks that failed, in their order.
  public let ranks: [Int]
  /// What the first of them said.
  public let reason: String
  /// The first rank's error, on that rank itself.
  public let underlying: (any Error)?

  /// Which rank failed, and why.
  public var description: String {
    let others = ranks.count - 1
    return "rank \(ranks[0]): \(reason)"
      + (others > 0 ? " (and \(others) more \(others == 1 ? "rank" : "ranks") failed)" : "")
  }
}

extension Communicator {
  /// Runs what may fail on some ranks, so that all go on or none does.
  ///
  /// ```swift
  /// let images = try ranks.together { try readImages(ranks.share(of: count)) }
  /// ```
  /// Without it, a rank that throws leaves the others waiting in their next collective.
  ///
  /// - Parameter body: makes no collective call of its own.
  /// - Returns: what `body` returned on this rank.
  /// - Throws: on all ranks, `RankFailure` when it threw on any; with one rank, what it threw.
  public func together<Result>(_ body: () throws -> Result) throws -> Result {
    try agree(Swift.Result { try body() })
  }

  /// The outcome of this rank, if no rank failed.
  ///
  /// - Parameters:
  ///   - outcome: what came of this rank's part.
  ///   - isKnown: whether all ranks know already that one failed, or none did; nil asks them.
  /// - Returns: what this rank's outcome holds.
  /// - Throws: on all ranks, `RankFailure` when any failed; with one rank, its error.
  public func agree<Result>(
    _ outcome: Swift.Result<Result, any Error>, anyFailed isKnown: Bool? = nil
  ) throws -> Result {
    guard size > 1 else { return try outcome.get() }
    var failure: (any Error)?
    if case .failure(let error) = outcome { failure = error }
    guard isKnown ?? any(failure != nil) else { return try outcome.get() }
    // A byte before the text: an error may say nothing.
    let texts = gather(bytes: failure.map { [1] + Array("\($0)".utf8) } ?? [])
    let ranks = texts.indices.filter { !texts[$0].isEmpty }
    guard let first = ranks.first else { return try outcome.get() }
    throw RankFailure(
      ranks: ranks, reason: String(decoding: texts[first].dropFirst(), as: UTF8.self),
      underlying: rank == first ? failure : nil)
  }
}
