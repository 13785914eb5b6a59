import Tensors

/// A factor that is halved whenever the validation loss has not improved for some epochs.
public struct PlateauDecay: Sendable, Equatable, Codable {
  /// The number of epochs without improvement after which the factor is halved; at least 1.
  public var patience: Int
  /// The present factor.
  public private(set) var factor = 1.0
  /// The smallest loss so far.
  public private(set) var best = Double.greatestFiniteMagnitude
  private var stale = 0

  /// A decay before the first epoch.
  public init(patience: Int) {
    expect(patience > 0, "a patience of \(patience) epochs makes no sense; it is at least 1")
    self.patience = patience
  }

  /// A decay with state that was stored.
  ///
  /// - Throws: `DecodingError` for numbers that no decay can have.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    patience = try values.decode(Int.self, forKey: .patience)
    factor = try values.decode(Double.self, forKey: .factor)
    best = try values.decode(Double.self, forKey: .best)
    stale = try values.decode(Int.self, forKey: .stale)
    let counts = 0...(1 << 40)
    guard patience >= 1, counts.contains(patience), counts.contains(stale), factor >= 0, factor <= 1
    else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "a decay of \(factor) after \(stale) of \(patience) epochs makes no "
            + "sense"))
    }
  }

  /// Records the validation loss of an epoch, and halves the factor if it is time.
  public mutating func observe(_ loss: Double) {
    if loss < best {
      best = loss
      stale = 0
      return
    }
    stale += 1
    if stale >= patience {
      factor /= 2
      stale = 0
    }
  }
}
