import Foundation

/// The options of `slate train` with which a model trains in moments.
///
/// The last of several values of an option counts, so that a test adds its own after them.
public let tinyOptions = [
  "--image-size", "16", "--vocab-size", "12", "--d-model", "8", "--num-slots", "2",
  "--slot-size", "8", "--mlp-hidden-size", "8", "--num-dec-blocks", "1", "--num-heads", "2",
  "--batch-size", "4", "--dvae-steps", "0", "--val-images", "10", "--workers", "2",
]

extension TemporaryFolder {
  /// The tensors of a run's checkpoint, without the metadata, which hold times.
  ///
  /// - Throws: an error if the run has no checkpoint.
  public func checkpointTensors(_ run: String) throws -> Data {
    let data = try Data(contentsOf: url.appending(path: "\(run)/checkpoint.safetensors"))
    let header = data.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    return data.dropFirst(8 + Int(header))
  }
}
