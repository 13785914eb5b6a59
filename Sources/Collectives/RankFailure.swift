/// The error that some rank has failed; every rank throws it.
public struct RankFailure: Error, CustomStringConvertible {
  /// The ranks that failed, in their order.
  public let ranks: [Int]
  /// The message of the first rank that failed.
  public let reason: String
  /// The original error, on the first rank that failed; nil on all others.
  public let underlying: (any Error)?

  /// Which rank failed, and why.
  public var description: String {
    let others = ranks.count - 1
    return "rank \(ranks[0]): \(reason)"
      + (others > 0 ? " (and \(others) more \(others == 1 ? "rank" : "ranks") failed)" : "")
  }
}

extension Communicator {
  /// Runs code that may fail on some ranks, so that either all ranks continue or none does.
  ///
  /// ```swift
  /// let images = try ranks.together { try readImages(ranks.share(of: count)) }
  /// ```
  /// Without it, a rank that throws leaves the others waiting in their next collective.
  ///
  /// - Parameter body: the work of this rank; it must not call a collective function.
  /// - Returns: what `body` returned on this rank.
  /// - Throws: `RankFailure` on all ranks when `body` throws on one of them; with one rank, the
  ///   error of `body`.
  public func together<Result>(_ body: () throws -> Result) throws -> Result {
    try agree(Swift.Result { try body() })
  }

  /// The result of this rank, unless some rank failed.
  ///
  /// - Parameters:
  ///   - outcome: the result or error of this rank's part.
  ///   - isKnown: whether all ranks already know that one of them failed, or that none did; nil
  ///     asks them.
  /// - Returns: the result in `outcome`.
  /// - Throws: `RankFailure` on all ranks when one of them failed; with one rank, its error.
  public func agree<Result>(
    _ outcome: Swift.Result<Result, any Error>, anyFailed isKnown: Bool? = nil
  ) throws -> Result {
    guard size > 1 else { return try outcome.get() }
    var failure: (any Error)?
    if case .failure(let error) = outcome { failure = error }
    guard isKnown ?? any(failure != nil) else { return try outcome.get() }
    // A byte is put before the text, because the text of an error may be empty.
    let texts = gather(bytes: failure.map { [1] + Array("\($0)".utf8) } ?? [])
    let ranks = texts.indices.filter { !texts[$0].isEmpty }
    guard let first = ranks.first else { return try outcome.get() }
    throw RankFailure(
      ranks: ranks, reason: String(decoding: texts[first].dropFirst(), as: UTF8.self),
      underlying: rank == first ? failure : nil)
  }
}
