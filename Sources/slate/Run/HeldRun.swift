import FileReading
import Foundation

/// The folder of a run, to which no other process writes as long as this one lives.
///
/// The lock is one of the system, on a file in the folder. It ends with the process, however that
/// ends, so nothing has to be cleared away after a crash. Reading needs no lock: `evaluate` and
/// other commands may read a run while it trains.
final class HeldRun {
  let folder: RunFolder
  private let descriptor: Int32

  /// Locks a folder that exists.
  ///
  /// - Throws: `RunError` when another process holds the lock, naming that process, when the folder cannot
  ///   be written, or when something else than a file stands in the lock's place.
  init(_ folder: RunFolder) throws {
    self.folder = folder
    do {
      descriptor = try RegularFile.descriptor(changing: folder.lock.path)
    } catch {
      throw RunError(
        path: folder.lock.relativePath, reason: error.reason,
        remedy: error.isOfOtherKind
          ? "remove it" : "change the permissions of its folder, or choose one that is writable")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      let owner = HeldRun.owner(in: descriptor)
      throw RunError(
        path: folder.url.relativePath,
        reason: "\(owner.map { "process \($0)" } ?? "another process") is writing to this run",
        remedy: "wait until it has ended, or stop it with `kill \(owner ?? "PID")`, which saves; "
          + "then resume the run")
    }
    // On a file system without locks, training works all the same.
    ftruncate(descriptor, 0)
    let number = Array("\(getpid())\n".utf8)
    pwrite(descriptor, number, number.count, 0)
  }

  deinit { close(descriptor) }

  /// The other process that holds the lock of a folder, as "process 123".
  ///
  /// Nil if there is none, or if the lock cannot be examined: locking the folder will then say why.
  static func otherHolder(of folder: RunFolder) -> String? {
    guard let file = try? RegularFile(folder.lock.path),
      flock(file.descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK
    else { return nil }
    return owner(in: file.descriptor).map { "process \($0)" } ?? "another process"
  }

  /// Makes the folder of a new run, and locks it.
  ///
  /// - Parameter path: the folder; nil for the first of runs/slate-001, runs/slate-002 and so on that
  ///   does not exist. Processes that ask for it at the same time get one each.
  /// - Returns: the folder.
  /// - Throws: `RunError` when it cannot be written, or already holds a run.
  static func create(at path: String?) throws -> HeldRun {
    guard let path else { return try createNext() }
    let folder = RunFolder(url: URL(filePath: path, directoryHint: .isDirectory))
    try makeFolder(folder.url, named: path)
    let held = try HeldRun(folder)
    if folder.holdsRun {
      throw RunError(
        path: path, reason: "it already holds a run",
        remedy: "continue it with --resume \(path.quotedForShell), or choose another --out")
    }
    if folder.holdsMeasurements {
      throw RunError(
        path: path, reason: "it holds the measurements of a run whose checkpoints are missing",
        remedy: "choose another --out, or remove \(folder.metrics.relativePath.quotedForShell)")
    }
    return held
  }

  private static func createNext() throws -> HeldRun {
    mkdir("runs", 0o755)
    var number = 1
    while true {
      let path = "runs/slate-" + String(format: "%03d", number)
      if mkdir(path, 0o755) == 0 {
        return try HeldRun(RunFolder(url: URL(filePath: path, directoryHint: .isDirectory)))
      }
      guard errno == EEXIST else {
        throw RunError(
          path: path, reason: "the folder cannot be made (\(String(cString: strerror(errno))))",
          remedy: "choose another folder with --out")
      }
      number += 1
    }
  }

  /// The number of the process that holds the lock, which it wrote into the lock's file.
  private static func owner(in descriptor: Int32) -> String? {
    var bytes = [UInt8](repeating: 0, count: 20)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return Int(String(decoding: bytes.prefix(max(count, 0)).prefix { $0 != 10 }, as: UTF8.self))
      .map(String.init)
  }
}
