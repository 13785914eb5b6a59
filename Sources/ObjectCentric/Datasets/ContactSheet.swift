import Images

extension ImageDataset {
  /// The first images of a part side by side, with the objects of each below it where known.
  ///
  /// - Parameters:
  ///   - split: default training.
  ///   - count: at most this many; default 32.
  ///   - columns: images in a row; default 8.
  ///   - enlargement: repeats every pixel; default 1.
  /// - Returns: one picture, two pixels of white between the images.
  /// - Throws: the error of an image that cannot be read.
  public func contactSheet(
    of split: Split = .train, count: Int = 32, columns: Int = 8, enlargement: Int = 1
  ) throws -> Image {
    let shown = min(count, self.count(of: split))
    var rows: [[Image]] = []
    for first in stride(from: 0, to: shown, by: columns) {
      let indices = first..<min(first + columns, shown)
      rows.append(try indices.map { try image($0, of: split) })
      let masks = try indices.compactMap { try mask($0, of: split)?.image }
      if !masks.isEmpty { rows.append(masks) }
    }
    return Image.grid(rows, enlargement: enlargement)
  }
}
