import CImageCodecs
import Foundation

extension Image {
  /// The image as a PNG file.
  public func pngData() throws -> Data {
    var message = [CChar](repeating: 0, count: 256)
    var data = Data()
    let status = withUnsafeMutablePointer(to: &data) { target in
      ci_png_encode(
        pixels, width, height,
        { context, piece, count in
          guard let piece else { return }
          context?.assumingMemoryBound(to: Data.self).pointee.append(piece, count: count)
        }, target, &message)
    }
    guard status == 0 else {
      let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
      throw ImageError(
        path: "(PNG)", reason: "the image cannot be encoded (\(text))",
        remedy: "make it smaller, or free some memory")
    }
    return data
  }

  /// Writes a PNG file, which is either complete or not there at all.
  ///
  /// - Throws: `ImageError` naming the path, for example when the folder is missing or full.
  public func write(to url: URL) throws {
    do {
      try pngData().write(to: url, options: .atomic)
    } catch let error as ImageError {
      throw ImageError(path: url.path, reason: error.reason, remedy: error.remedy)
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError
      let reason =
        cause.map { String(cString: strerror($0.code.rawValue)) } ?? error.localizedDescription
      throw ImageError(
        path: url.path, reason: "it cannot be written (\(reason))",
        remedy: "check that the folder exists, is writable and has space")
    }
  }
}
