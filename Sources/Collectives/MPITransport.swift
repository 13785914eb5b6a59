#if MPI
  import CMPI
  import Foundation
  import Synchronization
  import Tensors

  /// The ranks of MPI's world.
  ///
  /// Only one thread at a time makes calls. MPI's own error handler ends the job when a call fails,
  /// so there is no error to pass on.
  final class MPITransport: CollectiveTransport {
    let rank: Int
    let size: Int
    private let watch: Watch

    /// MPI counts with 32 bits, so longer buffers are sent in pieces.
    private static let piece = 1 << 26

    /// Starts MPI.
    ///
    /// - Parameter patience: the number of seconds for which a rank waits for the others before it
    ///   ends the job.
    init(patience: Double) {
      _ = cmpi_start()
      rank = Int(cmpi_rank())
      size = Int(cmpi_size())
      watch = Watch(rank: rank, patience: patience)
    }

    /// The name and version of the implementation; MPI need not have been started.
    static var version: String {
      var text = [CChar](repeating: 0, count: Int(cmpi_version_length()) + 1)
      cmpi_version(&text)
      let bytes = text.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
      let line = String(decoding: bytes, as: UTF8.self)
      // Open MPI's text goes on after a comma, which ends it here; MPICH's has tabs, which become
      // spaces.
      return line.prefix { $0 != "," }.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    func sum(_ values: UnsafeMutableBufferPointer<Float>) {
      inPieces(values) { cmpi_sum_floats($0, $1) }
    }

    func sum(_ values: UnsafeMutableBufferPointer<Double>) {
      inPieces(values) { cmpi_sum_doubles($0, $1) }
    }

    func maximum(_ values: UnsafeMutableBufferPointer<Double>) {
      inPieces(values) { cmpi_max_doubles($0, $1) }
    }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {
      inPieces(bytes.bindMemory(to: UInt8.self)) { cmpi_broadcast($0, $1, Int32(root)) }
    }

    func gather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) {
      expect(
        own.count <= Int(Int32.max) / max(size, 1),
        "\(own.count) bytes of each rank are too many to gather")
      watch.waiting { _ = cmpi_gather(own.baseAddress, Int32(own.count), all.baseAddress) }
    }

    func shift(
      _ sent: UnsafeRawBufferPointer, to target: Int?,
      into received: UnsafeMutableRawBufferPointer, from source: Int?
    ) {
      expect(sent.count <= Int(Int32.max), "\(sent.count) bytes are too many to hand on")
      watch.waiting {
        _ = cmpi_shift(
          sent.baseAddress, Int32(target ?? -1), received.baseAddress, Int32(source ?? -1),
          Int32(sent.count))
      }
    }

    func barrier() { watch.waiting { _ = cmpi_barrier() } }

    func abort(status: Int32) -> Never {
      cmpi_abort(status)
      endProcess(status)
    }

    func end() { watch.waiting { _ = cmpi_end() } }

    private func inPieces<Element>(
      _ values: UnsafeMutableBufferPointer<Element>,
      _ call: (UnsafeMutablePointer<Element>, Int32) -> Int32
    ) {
      guard let base = values.baseAddress else { return }
      watch.waiting {
        for start in stride(from: 0, to: values.count, by: MPITransport.piece) {
          _ = call(base + start, Int32(min(MPITransport.piece, values.count - start)))
        }
      }
    }
  }

  /// Ends the process when it has waited too long for the other ranks.
  ///
  /// If a rank dies, its launcher ends the job. But a rank that is stopped, or whose network fails,
  /// would keep the others waiting for ever.
  private final class Watch: Sendable {
    private let rank: Int
    private let patience: Double
    /// The time at which the present call began, in nanoseconds; 0 between calls.
    private let since = Atomic<UInt64>(0)

    init(rank: Int, patience: Double) {
      self.rank = rank
      self.patience = patience
      _ = Workers.startThread { [self] in
        while true {
          Thread.sleep(forTimeInterval: min(1, patience / 4))
          let began = since.load(ordering: .relaxed)
          guard began > 0 else { continue }
          let waited = Double(DispatchTime.now().uptimeNanoseconds - began) * 1e-9
          if waited > patience { giveUp(waited) }
        }
      }
    }

    func waiting(_ call: () -> Void) {
      since.store(DispatchTime.now().uptimeNanoseconds, ordering: .relaxed)
      call()
      since.store(0, ordering: .relaxed)
    }

    private func giveUp(_ waited: Double) -> Never {
      let text =
        "rank \(rank) has waited \(Int(waited)) s for another rank, which is stopped, cut off, or far "
        + "slower: the job ends here; resume it from its last checkpoint, or let ranks wait longer\n"
      let bytes = Array(text.utf8)
      _ = write(STDERR_FILENO, bytes, bytes.count)
      endProcess(75)
    }
  }
#endif
