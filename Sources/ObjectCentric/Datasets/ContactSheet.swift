import Images

extension ImageDataset {
  /// The first images of a part side by side, with the objects of each below it where known.
  ///
  /// - Parameters:
  ///   - split: default training.
  ///   - count: at most this many; default 32.
  ///   - columns: images in a row; default 8.
  ///   - enlargement: repeats every pixel; default 1.
  ///   - passesOver: whether an error leaves its image white; default: none does.
  /// - Returns: one picture, two pixels of white between the images.
  /// - Throws: the error of an image that cannot be read.
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
