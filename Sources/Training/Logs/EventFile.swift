import Foundation

/// A file of scalars and images that TensorBoard shows.
///
/// ```swift
/// let events = try EventFile(inFolder: run)
/// try events.append(scalars: [("TRAIN/loss", 812.5)], step: 1)
/// ```
/// The format is a sequence of records: a length, its checksum, a protocol-buffer message, and its
/// checksum. The first message says "brain.Event:2". Every record is handed to the system before
/// `append` returns.
public struct EventFile: Sendable {
  /// The path of the file.
  ///
  /// Its name is unique in the folder; TensorBoard reads all files of a folder.
  public let url: URL
  private let file: FileHandle

  /// Creates a file.
  ///
  /// - Parameters:
  ///   - folder: the run's folder.
  ///   - step: for a resumed run, the first step that it measures again; TensorBoard then forgets
  ///     the values of this and of later steps in earlier files of the folder. Default: a new run.
  /// - Throws: `LogError` naming the file when it cannot be written.
  public init(inFolder folder: URL, resumingAt step: Int? = nil) throws {
    let process = ProcessInfo.processInfo
    let stem = "events.out.tfevents.\(Int(Date.now.timeIntervalSince1970)).\(process.hostName)"
    var number = 0
    var url = folder
    repeat {
      url = folder.appending(path: "\(stem).\(process.processIdentifier).\(number)")
      number += 1
    } while FileManager.default.fileExists(atPath: url.path)
    self.url = url
    file = try FileHandle(changingLog: url)
    try append(step: nil) { $0.append(field: 3, "brain.Event:2") }
    if let step {
      // This is SessionLog { 1 status: START }.
      try append(step: step) { $0.append(field: 7) { $0.append(field: 1, 1) } }
    }
  }

  /// Adds scalars, in one record.
  ///
  /// - Parameters:
  ///   - scalars: tags and values; TensorBoard groups tags by the part before a "/".
  ///   - step: the training step.
  /// - Throws: `LogError` naming the file, for example when the disk is full.
  public func append(scalars: [(tag: String, value: Double)], step: Int) throws {
    try append(step: step) { event in
      event.append(field: 5) { summary in
        for (tag, value) in scalars {
          summary.append(field: 1) {
            $0.append(field: 1, tag)
            $0.append(field: 2, Float(value))
          }
        }
      }
    }
  }

  /// Adds an RGB image.
  ///
  /// - Parameters:
  ///   - png: the encoded image.
  ///   - width: in pixels.
  ///   - height: in pixels.
  ///   - tag: the image's name.
  ///   - step: the training step.
  /// - Throws: `LogError` naming the file, for example when the disk is full.
  public func append(image png: Data, width: Int, height: Int, tag: String, step: Int) throws {
    try append(step: step) { event in
      event.append(field: 5) { summary in
        summary.append(field: 1) { value in
          value.append(field: 1, tag)
          value.append(field: 4) {
            $0.append(field: 1, height)
            $0.append(field: 2, width)
            $0.append(field: 3, 3)  // the colour space: RGB
            $0.append(field: 4, png)
          }
        }
      }
    }
  }

  /// Adds a record with the time, the step and the fields that `fill` writes.
  private func append(step: Int?, _ fill: (inout ProtocolBuffer) -> Void) throws {
    var event = ProtocolBuffer()
    event.append(field: 1, Date.now.timeIntervalSince1970)
    if let step { event.append(field: 2, step) }
    fill(&event)
    do {
      try file.write(contentsOf: EventFile.record(event.bytes))
    } catch {
      throw LogError(path: url.path, notWritten: error)
    }
  }

  /// Length, checksum of the length, message, checksum of the message; little-endian.
  private static func record(_ message: Data) -> Data {
    func bytes(_ value: some FixedWidthInteger) -> Data {
      withUnsafeBytes(of: value.littleEndian) { Data($0) }
    }
    let length = bytes(UInt64(message.count))
    return length + bytes(CRC32C(length).masked) + message + bytes(CRC32C(message).masked)
  }
}
