import ObjectCentric

extension RegionShare {
  /// A warning for the user if slots are regions rather than objects; nil if they are not, or if
  /// they were trained for so few steps that this says nothing.
  ///
  /// Runs of the quick start that found objects had a share of at most 0.56, those that did not of at
  /// least 0.64. Slots find objects within 1500 steps, and are regions before.
  func warning(afterSteps steps: Int) -> String? {
    guard let value, value > 0.6, steps >= 1500 else { return nil }
    return
      "slots divide the pictures by regions more than by objects (region_share \(value.short)); "
      + "another --seed or a smaller --pos-deviation may lead elsewhere"
  }
}
