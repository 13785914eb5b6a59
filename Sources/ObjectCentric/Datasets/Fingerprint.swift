import Images

extension ImageDataset {
  /// A few hexadecimal digits that tell data sets apart, wherever they lie on disk.
  ///
  /// Made of the image size, the number of images in each part, and the pixels of up to 16 images of
  /// each part, evenly spaced (FNV-1a, 64 bits). An image that cannot be read counts as such.
  ///
  /// - Complexity: up to 48 images are decoded.
  public var fingerprint: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    func add(_ number: Int) {
      for shift in 0..<8 { add(UInt8(truncatingIfNeeded: number >> (8 * shift))) }
    }
    add(imageSize)
    for split in Split.allCases {
      let count = count(of: split)
      add(count)
      for index in stride(from: 0, to: count, by: max(1, (count + 15) / 16)) {
        if let image = try? image(index, of: split) {
          for byte in image.pixels { add(byte) }
        } else {
          add(-1)
        }
      }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
