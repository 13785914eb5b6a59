import ObjectCentric
import Tensors
import Testing

@testable import slate

/// What `slate` says of slots that are regions.
@Suite struct RegionWarningTests {
  /// Two slots, each with one of two places, but for one picture of `pictures`, where they change
  /// places: a share of 1 - H(1 / pictures) / log 2.
  private func share(pictures: Int) -> RegionShare {
    let usual = Array(repeating: [1.0, 0, 0, 1], count: pictures - 1)
    return RegionShare(
      ofAttention: Tensor(
        (usual + [[0, 1, 1, 0]]).flatMap { $0 }, shape: [pictures, 2, 2], dtype: .float64))
  }

  @Test("regions are named")
  func regions() throws {
    let warning = try #require(share(pictures: 20).warning)
    #expect(warning.contains("(region_share 0.7136)") && warning.contains("--seed"), "\(warning)")
  }

  @Test("objects are not")
  func objects() {
    // 0.531
    #expect(share(pictures: 10).warning == nil)
  }
}
