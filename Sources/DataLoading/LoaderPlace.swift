import Tensors

/// The place that a loader has reached in its data set.
///
/// ```swift
/// let saved = try JSONEncoder().encode(batches.place)
/// let rest = loader.batches(from: try JSONDecoder().decode(LoaderPlace.self, from: saved))
/// ```
/// Together with the seed of the loader it determines all batches that follow, and how many
/// unreadable examples are still tolerated. A run saves it with its weights.
public struct LoaderPlace: Sendable, Hashable, Codable {
  /// The epoch from which batches are taken, counted from 0.
  public var epoch: Int
  /// The number of examples of the epoch's order that have been used, including unreadable ones.
  public var position: Int
  /// The number of these examples that could not be read; they count against the loader's
  /// tolerance.
  public var unreadable: Int
  /// The count of the data set; nil if it is not known.
  ///
  /// Another count gives epochs another order, so a loader continues within an epoch only if the
  /// count is its own.
  public var count: Int?

  /// A place; default the beginning of a data set of any count.
  public init(epoch: Int = 0, position: Int = 0, unreadable: Int = 0, count: Int? = nil) {
    self.epoch = epoch
    self.position = position
    self.unreadable = unreadable
    self.count = count
  }

  /// Reads a place that was saved; older versions saved neither the unreadable examples nor the
  /// count.
  ///
  /// - Throws: `DecodingError` when a number is not in 0...2^40.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func number(_ key: CodingKeys) throws -> Int {
      let number = try container.decode(Int.self, forKey: key)
      guard LoaderPlace.counts.contains(number) else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: container,
          debugDescription: "a loader cannot begin at \(key.stringValue) \(number): it must be in "
            + "0...2^40")
      }
      return number
    }
    func has(_ key: CodingKeys) throws -> Bool {
      try container.contains(key) && !container.decodeNil(forKey: key)
    }
    epoch = try number(.epoch)
    position = try number(.position)
    unreadable = try has(.unreadable) ? number(.unreadable) : 0
    count = try has(.count) ? number(.count) : nil
    guard unreadable <= position else {
      throw DecodingError.dataCorruptedError(
        forKey: .unreadable, in: container,
        debugDescription: "\(unreadable) of \(position) examples cannot have been unreadable")
    }
  }

  /// Stops unless the place can be one of a data set of `found` examples.
  ///
  /// The beginning of an epoch is one of any count. Epochs and positions that no data set has are left to
  /// the reading.
  func expectSaved(with found: Int) {
    expect(
      position <= 0 || count == nil || count == found,
      "the place was saved with a data set of \(count ?? 0) examples, but this one has \(found), of "
        + "which epochs have another order: give the loader the same examples, or begin the next "
        + "epoch, from LoaderPlace(epoch: \(epoch + 1))")
    expect(
      unreadable >= 0 && unreadable <= max(position, 0),
      "\(unreadable) of \(position) examples cannot have been unreadable")
  }

  /// What numbers of a place can be.
  static let counts = 0...1 << 40
}
