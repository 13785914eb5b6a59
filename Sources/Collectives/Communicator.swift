import Tensors

/// The ranks of a job: processes that run the same program, each on a part of the work.
///
/// ```swift
/// let ranks = try Communicator.ofLauncher()   // one rank, where no mpirun started the program
/// let total = ranks.sum(localLoss)            // the same number on every rank
/// if ranks.rank == 0 { print(total) }
/// ```
/// Every function here is a collective operation: all ranks call it, in the same order, with values
/// of the same shape. It returns when the contributions that it needs have arrived. All ranks get
/// the same bits. If there is only one rank, each function returns its argument at once. Only one
/// thread at a time may call them.
public struct Communicator: Sendable {
  let transport: (any CollectiveTransport)?

  /// The communicator of a single process.
  public static let alone = Communicator(nil)

  init(_ transport: (any CollectiveTransport)?) { self.transport = transport }

  /// The number of this rank, counted from 0.
  public var rank: Int { transport?.rank ?? 0 }

  /// The number of ranks.
  public var size: Int { transport?.size ?? 1 }

  /// The part of `total` samples that belongs to this rank.
  ///
  /// Parts are contiguous, and their sizes differ by at most one.
  public func share(of total: Int) -> Range<Int> {
    rank * total / size..<(rank + 1) * total / size
  }

  // MARK: - Sums and maxima

  /// Replaces each number by its sum over the ranks.
  public func sum(_ values: inout [Float]) {
    guard let transport else { return }
    values.withUnsafeMutableBufferPointer { transport.sum($0) }
  }

  /// Replaces each number by its sum over the ranks.
  public func sum(_ values: inout [Double]) {
    guard let transport else { return }
    values.withUnsafeMutableBufferPointer { transport.sum($0) }
  }

  /// The sum of the ranks' numbers.
  public func sum(_ value: Double) -> Double {
    var values = [value]
    sum(&values)
    return values[0]
  }

  /// The elementwise sum of the ranks' tensors, as a constant; all must have the same shape and
  /// dtype.
  public func sum(_ tensor: Tensor) -> Tensor {
    guard transport != nil else { return tensor.detached() }
    switch tensor.dtype {
    case .float32:
      var values = tensor.floats
      sum(&values)
      return Tensor(values, shape: tensor.shape)
    case .float64:
      var values = tensor.scalars
      sum(&values)
      return Tensor(values, shape: tensor.shape, dtype: .float64)
    }
  }

  /// The largest of the ranks' numbers, none of which may be NaN.
  public func maximum(_ value: Double) -> Double {
    guard let transport else { return value }
    var values = [value]
    values.withUnsafeMutableBufferPointer { transport.maximum($0) }
    return values[0]
  }

  /// Whether any rank passes true.
  public func any(_ flag: Bool) -> Bool { maximum(flag ? 1 : 0) > 0 }

  // MARK: - Copies

  /// The bytes of one rank; those of other ranks are ignored.
  public func broadcast(bytes: [UInt8], from root: Int = 0) -> [UInt8] {
    guard let transport else { return bytes }
    expectRank(root)
    var count = [Double(bytes.count)]
    count.withUnsafeMutableBytes { transport.broadcast($0, from: root) }
    var result = rank == root ? bytes : [UInt8](repeating: 0, count: Int(count[0]))
    result.withUnsafeMutableBytes { transport.broadcast($0, from: root) }
    return result
  }

  /// The tensor of one rank, as a constant.
  ///
  /// The other ranks pass a tensor of the same shape and dtype.
  public func broadcast(_ tensor: Tensor, from root: Int = 0) -> Tensor {
    guard let transport else { return tensor.detached() }
    expectRank(root)
    switch tensor.dtype {
    case .float32:
      var values = tensor.floats
      values.withUnsafeMutableBytes { transport.broadcast($0, from: root) }
      return Tensor(values, shape: tensor.shape)
    case .float64:
      var values = tensor.scalars
      values.withUnsafeMutableBytes { transport.broadcast($0, from: root) }
      return Tensor(values, shape: tensor.shape, dtype: .float64)
    }
  }

  /// The bytes of every rank, in the order of the ranks; their numbers may differ.
  public func gather(bytes: [UInt8]) -> [[UInt8]] {
    guard let transport else { return [bytes] }
    var counts = [Double](repeating: 0, count: size)
    [Double(bytes.count)].withUnsafeBytes { own in
      counts.withUnsafeMutableBytes { transport.gather(own, into: $0) }
    }
    // For the transfer, the bytes of every rank are padded to the length of the longest.
    let longest = Int(counts.max() ?? 0)
    guard longest > 0 else { return counts.map { _ in [] } }
    let padded = bytes + [UInt8](repeating: 0, count: longest - bytes.count)
    var all = [UInt8](repeating: 0, count: longest * size)
    padded.withUnsafeBytes { own in
      all.withUnsafeMutableBytes { transport.gather(own, into: $0) }
    }
    return counts.indices.map { rank in
      Array(all[rank * longest..<rank * longest + Int(counts[rank])])
    }
  }

  /// The numbers of every rank, in the order of the ranks; there may be more from some ranks than
  /// from others.
  public func gather(_ values: [Double]) -> [[Double]] {
    guard transport != nil else { return [values] }
    return gather(bytes: values.withUnsafeBytes { Array($0) }).map { bytes in
      bytes.withUnsafeBytes { raw in
        (0..<bytes.count / 8).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
      }
    }
  }

  /// The texts of every rank, in the ranks' order.
  public func gather(_ text: String) -> [String] {
    gather(bytes: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Passes numbers on to the rank `distance` places further.
  ///
  /// - Parameters:
  ///   - values: the numbers, of which all ranks pass equally many.
  ///   - distance: 1 for the next rank, and -1 for the one before.
  /// - Returns: the numbers of the rank on the other side; nil if there is none.
  public func shift(_ values: [Double], by distance: Int) -> [Double]? {
    guard let transport else { return distance == 0 ? values : nil }
    func existing(_ rank: Int) -> Int? { (0..<size).contains(rank) ? rank : nil }
    var received = [Double](repeating: 0, count: values.count)
    let source = existing(rank - distance)
    values.withUnsafeBytes { sent in
      received.withUnsafeMutableBytes {
        transport.shift(sent, to: existing(rank + distance), into: $0, from: source)
      }
    }
    return source == nil ? nil : received
  }

  // MARK: - Order

  /// Returns when every rank has called it.
  public func barrier() { transport?.barrier() }

  /// Ends all ranks at once, also if there is only one.
  ///
  /// It is meant for a rank that can neither continue nor tell the others why.
  ///
  /// - Parameter status: the exit status, not 0.
  public func abort(status: Int32) -> Never {
    if let transport { transport.abort(status: status) }
    endProcess(status)
  }

  /// Ends the connection to the other ranks.
  ///
  /// Every rank calls it, after all other calls.
  public func end() { transport?.end() }

  private func expectRank(_ root: Int) {
    expect((0..<size).contains(root), "there is no rank \(root) among \(size)")
  }
}
