import DataLoading
import Foundation
import Images
import Tensors

/// The 8x8 digits: 1797 handwritten digits by 13 writers.
///
/// E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
/// 1998, https://doi.org/10.24432/C50P49, CC BY 4.0. make_digits.py wrote the picture and the text.
struct DigitData {
  /// Images [1797, 8, 8, 1] in [0, 1], and the digits.
  let examples: LabeledTensors

  init() throws {
    func url(_ name: String) -> URL { Bundle.module.bundleURL.appending(path: "Data/\(name)") }
    // snippet.read
    let sheet = try Image(contentsOf: url("digits.png"))
    let text = try String(contentsOf: url("digits.txt"), encoding: .utf8)
    let labels = text.compactMap(\.wholeNumberValue)
    let (rows, columns) = (sheet.height / 8, sheet.width / 8)
    let pixels = Tensor(bytes: sheet.pixels, shape: [rows, 8, columns, 8, 3], scale: 1 / 240)
    let images = pixels[..., 0].permuted([0, 2, 1, 3]).reshaped([rows * columns, 8, 8, 1])
    examples = LabeledTensors(inputs: images[0..<labels.count], labels: IntTensor(labels))
    // snippet.end
  }
}
