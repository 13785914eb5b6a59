import Images

extension ImageDataset {
  /// The first images of a part in rows, each with a picture of its objects below it if these are
  /// known.
  ///
  /// - Parameters:
  ///   - split: the part; default training.
  ///   - count: the largest number of images; default 32.
  ///   - columns: the number of images in a row; default 8.
  ///   - enlargement: how many times every pixel is repeated in both directions; default 1.
  ///   - passesOver: says for an error whether its image is left white instead; default never.
  /// - Returns: one picture, with two pixels of white between the images.
  /// - Throws: the error of an image that cannot be read and is not passed over.
  public func contactSheet(
    of split: Split = .train, count: Int = 32, columns: Int = 8, enlargement: Int = 1,
    passingOver passesOver: (any Error) -> Bool = { _ in false }
  ) throws -> Image {
    let shown = min(count, self.count(of: split))
    let blank = Image(width: imageSize, height: imageSize)
    func picture(_ read: () throws -> Image?) throws -> Image? {
      do {
        return try read()
      } catch {
        guard passesOver(error) else { throw error }
        return blank
      }
    }
    var rows: [[Image]] = []
    for first in stride(from: 0, to: shown, by: columns) {
      let indices = first..<min(first + columns, shown)
      rows.append(try indices.compactMap { index in try picture { try image(index, of: split) } })
      let masks = try indices.compactMap { index in
        try picture { try mask(index, of: split)?.image }
      }
      if !masks.isEmpty { rows.append(masks) }
    }
    return Image.grid(rows, enlargement: enlargement)
  }
}
