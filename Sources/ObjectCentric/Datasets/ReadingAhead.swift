import Tensors

extension BatchLoader {
  /// Decodes every image before training if there are few of them.
  ///
  /// A damaged file is then found at once and not in the middle of an epoch, and training never
  /// waits for decoding.
  ///
  /// - Parameter limit: the largest number of images that are decoded in advance; default 5,000.
  /// - Throws: `UnreadableImages`, which names the first one in the order of the data set, when
  ///   more than `tolerance` images cannot be read.
  public func readAheadIfSmall(limit: Int = 5_000) throws {
    let count = data.count(of: split)
    guard count <= limit else { return }
    let failures = Workers.mapRanges(of: count) { range in
      range.compactMap { index -> (any Error)? in
        do {
          _ = try cache.image(index) { try data.image(index, of: split) }
          return nil
        } catch {
          return error
        }
      }
    }.joined()
    if let first = failures.first, failures.count > tolerance {
      throw UnreadableImages(
        count: failures.count, part: "the \(split.rawValue) part of \(data.description)",
        tolerance: tolerance, first: "\(first)")
    }
  }
}
