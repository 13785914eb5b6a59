import ObjectCentric

extension RegionShare {
  /// The steps within which slots find objects in the quick start, if they do; they are regions before.
  static let stepsUntilObjects = 1500

  /// A warning for the user if slots are regions rather than objects, for a model that was trained
  /// for `stepsUntilObjects`; nil if they are not.
  ///
  /// Runs of the quick start that found objects had a share of at most 0.56, those that did not of at
  /// least 0.64.
  var warning: String? {
    guard let value, value > 0.6 else { return nil }
    return
      "slots divide the pictures by regions more than by objects (region_share \(value.short)); "
      + "another --seed or a smaller --pos-deviation may lead elsewhere"
  }
}
