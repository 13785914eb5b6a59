import Foundation
import Images
import ObjectCentric
import Tensors

/// One epoch of decoding and resizing the images of a folder, in batches.
func decoding(folder: URL, size: Int) throws -> Case {
  let batch = 32
  let files = try FileManager.default.contentsOfDirectory(
    at: folder, includingPropertiesForKeys: nil
  ).sorted { $0.path < $1.path }

  @Sendable func decoded(_ range: Range<Int>) throws -> Tensor {
    let images = try files[range].map { file in
      let image = try Image(contentsOf: file)
      return image.width == size && image.height == size
        ? image : image.resized(width: size, height: size)
    }
    return Tensor(bytes: images.flatMap(\.pixels), shape: [images.count, size, size, 3])
  }

  let batches = (files.count + batch - 1) / batch
  return Case {
    var exchange = Exchange()
    exchange.settings = ["folder": "\"\(folder.path)\"", "size": "\(size)", "batch": "\(batch)"]
    exchange.add("out.batch", try decoded(0..<batch))
    return exchange
  } round: {
    _ = try Workers.map(batches) { index in
      try decoded(index * batch..<min((index + 1) * batch, files.count)).count
    }
  }
}
