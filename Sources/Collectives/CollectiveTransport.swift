/// The transport of numbers between ranks: MPI, or memory if the ranks are threads of one process.
///
/// Every rank calls the same functions in the same order, with buffers of the same size.
package protocol CollectiveTransport: AnyObject, Sendable {
  /// The number of this rank, counted from 0.
  var rank: Int { get }
  /// The number of ranks.
  var size: Int { get }
  /// Replaces each number by its sum over the ranks; all ranks get the same bits.
  func sum(_ values: UnsafeMutableBufferPointer<Float>)
  /// Replaces each number by its sum over the ranks; all ranks get the same bits.
  func sum(_ values: UnsafeMutableBufferPointer<Double>)
  /// Replaces each number by its maximum over the ranks.
  func maximum(_ values: UnsafeMutableBufferPointer<Double>)
  /// Replaces the bytes by those of one rank.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int)
  /// Fills `all` with the bytes of every rank, in their order.
  func gather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer)
  /// Sends bytes to one rank and receives as many from another one; nil stands for no rank.
  func shift(
    _ sent: UnsafeRawBufferPointer, to target: Int?, into received: UnsafeMutableRawBufferPointer,
    from source: Int?)
  /// Returns when every rank has called it.
  func barrier()
  /// Ends all ranks now.
  func abort(status: Int32) -> Never
  /// Ends the connection; every rank calls it last.
  func end()
}
