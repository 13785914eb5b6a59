import Foundation
import Tensors

extension Communicator {
  /// Ranks that are threads of this process, by which code for ranks can be tried and tested
  /// without a launcher.
  ///
  /// ```swift
  /// let sums = try Communicator.threads(3) { ranks in ranks.sum(Double(ranks.rank)) }   // 3, 3, 3
  /// ```
  /// Sums are taken in the order of the ranks.
  ///
  /// - Parameters:
  ///   - count: the number of ranks, at least 1.
  ///   - body: the work of each rank, on a thread of its own. If it throws or returns on one rank
  ///     while others wait for that rank, they wait for ever.
  /// - Returns: the results in order of the ranks.
  /// - Throws: the error of the first rank, in their order, that threw.
  public static func threads<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Communicator) throws -> Result
  ) throws -> [Result] {
    expect(count >= 1, "there is at least one rank, not \(count)")
    let exchange = MemoryExchange(size: count)
    let results = Results<Result>(count)
    for rank in 0..<count {
      let isStarted = Workers.startThread {
        let communicator = Communicator(ThreadRank(rank, exchange))
        results.note(rank, Swift.Result { try body(communicator) })
      }
      expect(isStarted, "the system gives no thread for rank \(rank) of \(count)")
    }
    return try results.all().map { try $0.get() }
  }
}

/// The results of the threads.
///
/// A condition guards them, which is why sharing this object is safe although the compiler cannot
/// check it.
private final class Results<Value: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var found: [Int: Result<Value, any Error>] = [:]
  private let count: Int

  init(_ count: Int) { self.count = count }

  func note(_ rank: Int, _ result: Result<Value, any Error>) {
    condition.withLock {
      found[rank] = result
      condition.broadcast()
    }
  }

  func all() -> [Result<Value, any Error>] {
    condition.withLock {
      while found.count < count { condition.wait() }
      return (0..<count).compactMap { found[$0] }
    }
  }
}

/// A place where threads show each other their buffers.
///
/// A condition guards it, and a buffer is read only between two meetings of all threads. This is
/// why sharing the object is safe although the compiler cannot check it.
private final class MemoryExchange: @unchecked Sendable {
  let size: Int
  private let condition = NSCondition()
  private var arrived = 0
  private var meetings = 0
  private var shown: [UnsafeRawBufferPointer?]

  init(size: Int) {
    self.size = size
    shown = [UnsafeRawBufferPointer?](repeating: nil, count: size)
  }

  func meet() {
    condition.withLock {
      let meeting = meetings
      arrived += 1
      if arrived == size {
        arrived = 0
        meetings += 1
        condition.broadcast()
      }
      while meetings == meeting { condition.wait() }
    }
  }

  /// Shows a buffer, and calls `read` while the buffers of all ranks are visible.
  ///
  /// Stops when they are not of one length, because the ranks are then in different operations.
  func exchange(
    _ own: UnsafeRawBufferPointer, of rank: Int, _ read: ([UnsafeRawBufferPointer]) -> Void
  ) {
    condition.withLock { shown[rank] = own }
    meet()
    let all = condition.withLock { shown.compactMap { $0 } }
    expect(
      all.allSatisfy { $0.count == own.count },
      "the ranks are in different operations, with \(all.map(\.count)) bytes: all ranks make the same "
        + "calls in the same order, with values of the same shape")
    read(all)
    meet()
  }
}

/// A thread in the role of a rank.
private final class ThreadRank: CollectiveTransport {
  let rank: Int
  private let memory: MemoryExchange

  init(_ rank: Int, _ memory: MemoryExchange) {
    self.rank = rank
    self.memory = memory
  }

  var size: Int { memory.size }

  func sum(_ values: UnsafeMutableBufferPointer<Float>) { reduce(values, +) }
  func sum(_ values: UnsafeMutableBufferPointer<Double>) { reduce(values, +) }
  func maximum(_ values: UnsafeMutableBufferPointer<Double>) { reduce(values, max) }

  private func reduce<Number: BinaryFloatingPoint>(
    _ values: UnsafeMutableBufferPointer<Number>, _ combine: (Number, Number) -> Number
  ) {
    var result = [Number]()
    memory.exchange(UnsafeRawBufferPointer(values), of: rank) { all in
      let parts = all.map { $0.bindMemory(to: Number.self) }
      result = values.indices.map { index in
        parts.dropFirst().reduce(parts[0][index]) { combine($0, $1[index]) }
      }
    }
    _ = values.update(fromContentsOf: result)
  }

  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {
    memory.exchange(UnsafeRawBufferPointer(bytes), of: rank) { all in
      if rank != root { bytes.copyMemory(from: all[root]) }
    }
  }

  func gather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) {
    memory.exchange(own, of: rank) { parts in
      for (rank, part) in parts.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: all[rank * own.count..<(rank + 1) * own.count])
          .copyMemory(from: part)
      }
    }
  }

  func shift(
    _ sent: UnsafeRawBufferPointer, to target: Int?, into received: UnsafeMutableRawBufferPointer,
    from source: Int?
  ) {
    memory.exchange(sent, of: rank) { all in
      if let source { received.copyMemory(from: all[source]) }
    }
  }

  func barrier() { memory.meet() }
  func abort(status: Int32) -> Never { endProcess(status) }
  func end() {}
}

/// Ends the process without cleaning up, because other threads are still working.
func endProcess(_ status: Int32) -> Never { _exit(status) }
