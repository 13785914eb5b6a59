import Foundation
import Tensors
import Testing

@testable import Collectives

/// What a rank does together with the others.
struct CollectiveOperation: Hashable, Sendable, CustomStringConvertible {
  enum Kind: Int, Sendable {
    case sum, maximum, broadcast, gather, shift, barrier, end
  }

  let kind: Kind
  /// How many numbers or bytes a rank contributes.
  let count: Int

  var description: String { "\(kind) of \(count)" }
}

/// The error that ranks were in different operations, or did not end.
struct RanksDisagree: Error, CustomStringConvertible {
  let description: String
}

extension Communicator {
  /// Ranks as threads, as by `threads`, which tell before each collective operation what it is.
  ///
  /// Where they are not in the same one, of the same length, the test fails at once: with `threads` it would
  /// read what is not there, or wait for ever. A rank that is at its end while others wait is in another
  /// operation too. Ranks that disagree stay where they are until the process ends.
  ///
  /// - Returns: the results of the ranks, and the operations that each of them has taken part in.
  static func watched<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Communicator) throws -> Value
  ) throws -> (values: [Value], operations: [CollectiveOperation]) {
    let watch = Watch<Value>()
    let isStarted = Workers.startThread {
      watch.end(
        Result {
          try Communicator.threads(count) { ranks in
            guard let transport = ranks.transport else { return try body(ranks) }
            let watched = WatchedTransport(transport, watch.note, watch.fail)
            let result = Result { try body(Communicator(watched)) }
            if case .failure(let error) = result { watch.noteError(error, of: ranks.rank) }
            watched.meet(.end, 0)
            return try result.get()
          }
        })
    }
    try #require(isStarted)
    return try watch.outcome()
  }
}

/// What the ranks have told.
///
/// A condition guards it, which is why sharing this object is safe although the compiler cannot check it.
private final class Watch<Value: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var operations: [CollectiveOperation] = []
  private var errors: [String] = []
  private var result: Result<[Value], any Error>?

  func note(_ operation: CollectiveOperation) {
    condition.withLock { operations.append(operation) }
  }

  func noteError(_ error: any Error, of rank: Int) {
    condition.withLock { errors.append("rank \(rank) threw: \(error)") }
  }

  func fail(_ reason: String) {
    let text = condition.withLock { ([reason] + errors).joined(separator: "; ") }
    end(.failure(RanksDisagree(description: text)))
  }

  func end(_ outcome: Result<[Value], any Error>) {
    condition.withLock {
      if result == nil { result = outcome }
      condition.broadcast()
    }
  }

  /// Waits for the end.
  ///
  /// It comes, unless a rank computes for ever: a minute is far more than any of these tests takes.
  func outcome() throws -> (values: [Value], operations: [CollectiveOperation]) {
    try condition.withLock {
      let deadline = Date(timeIntervalSinceNow: 60)
      while result == nil {
        guard condition.wait(until: deadline) else {
          throw RanksDisagree(description: "after a minute the ranks are not at their end")
        }
      }
      return (try result?.get() ?? [], operations)
    }
  }
}

/// The transport of a rank, which compares what the ranks are about to do.
private final class WatchedTransport: CollectiveTransport {
  private let base: any CollectiveTransport
  private let note: @Sendable (CollectiveOperation) -> Void
  private let fail: @Sendable (String) -> Void

  init(
    _ base: any CollectiveTransport, _ note: @escaping @Sendable (CollectiveOperation) -> Void,
    _ fail: @escaping @Sendable (String) -> Void
  ) {
    (self.base, self.note, self.fail) = (base, note, fail)
  }

  var rank: Int { base.rank }
  var size: Int { base.size }

  /// Returns where all ranks are about to do the same, and never where they are not.
  func meet(_ kind: CollectiveOperation.Kind, _ count: Int) {
    var all = [Int](repeating: 0, count: 2 * size)
    [kind.rawValue, count].withUnsafeBytes { own in
      all.withUnsafeMutableBytes { base.gather(own, into: $0) }
    }
    let operations = (0..<size).map { rank in
      CollectiveOperation(
        kind: CollectiveOperation.Kind(rawValue: all[2 * rank]) ?? .end, count: all[2 * rank + 1])
    }
    if Set(operations).count > 1 {
      fail("the ranks are in different operations: \(operations)")
      while true { sleep(3600) }
    }
    if rank == 0 && kind != .end { note(operations[0]) }
  }

  func sum(_ values: UnsafeMutableBufferPointer<Float>) {
    meet(.sum, values.count)
    base.sum(values)
  }
  func sum(_ values: UnsafeMutableBufferPointer<Double>) {
    meet(.sum, values.count)
    base.sum(values)
  }
  func maximum(_ values: UnsafeMutableBufferPointer<Double>) {
    meet(.maximum, values.count)
    base.maximum(values)
  }
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {
    meet(.broadcast, bytes.count)
    base.broadcast(bytes, from: root)
  }
  func gather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) {
    meet(.gather, own.count)
    base.gather(own, into: all)
  }
  func shift(
    _ sent: UnsafeRawBufferPointer, to target: Int?, into received: UnsafeMutableRawBufferPointer,
    from source: Int?
  ) {
    meet(.shift, sent.count)
    base.shift(sent, to: target, into: received, from: source)
  }
  func barrier() {
    meet(.barrier, 0)
    base.barrier()
  }
  func abort(status: Int32) -> Never { base.abort(status: status) }
  func end() { base.end() }
}
