import Foundation
import Training

/// A run's folder that no other process writes to as long as this one lives.
///
/// The lock is the system's, on a file in the folder: it ends with the process, however that ends, so
/// that nothing has to be cleared away after a crash. Reading is free: `evaluate` and the others may
/// look at a run while it trains.
final class HeldRun {
  let folder: RunFolder
  private let descriptor: Int32

  /// Takes hold of a folder that exists.
  ///
  /// - Throws: `RunError` when another process has it, naming that process, or when the folder cannot
  ///   be written.
  init(_ folder: RunFolder) throws {
    self.folder = folder
    descriptor = open(folder.lock.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw RunError(
        path: folder.url.relativePath,
        reason: "the folder is not writable (\(String(cString: strerror(errno))))",
        remedy: "change its permissions, or choose a folder that is writable")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      let owner = HeldRun.owner(in: descriptor)
      throw RunError(
        path: folder.url.relativePath,
        reason: "\(owner.map { "process \($0)" } ?? "another process") is writing to this run",
        remedy: "wait until it has ended, or stop it with `kill \(owner ?? "PID")`, which saves; "
          + "then resume the run")
    }
    // A file system without locks trains as well.
    ftruncate(descriptor, 0)
    let number = Array("\(getpid())\n".utf8)
    pwrite(descriptor, number, number.count, 0)
  }

  deinit { close(descriptor) }

  /// The process that has hold of a folder, "process 123", where it is not this one; nil where there
  /// is none, or the lock cannot be looked at, which taking hold of the folder will explain.
  static func otherHolder(of folder: RunFolder) -> String? {
    let descriptor = open(folder.lock.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
    return owner(in: descriptor).map { "process \($0)" } ?? "another process"
  }

  /// Makes the folder for a new run, and takes hold of it.
  ///
  /// - Parameter path: the folder; nil for the first of runs/slate-001, runs/slate-002 and so on that
  ///   does not exist. Processes that ask for it at the same time get one each.
  /// - Returns: the folder.
  /// - Throws: `RunError` when it cannot be written, or already holds a run.
  static func create(at path: String?) throws -> HeldRun {
    guard let path else { return try createNext() }
    let folder = RunFolder(url: URL(filePath: path, directoryHint: .isDirectory))
    do {
      try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
    } catch {
      throw RunError(
        path: path, reason: "the folder cannot be made (\(error.systemReason))",
        remedy: "check that the folder above it exists and is writable")
    }
    let held = try HeldRun(folder)
    if folder.holdsRun {
      throw RunError(
        path: path, reason: "it already holds a run",
        remedy: "continue it with --resume \(path.quotedForShell), or choose another --out")
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

  /// The number that the process which has the lock left in its file.
  private static func owner(in descriptor: Int32) -> String? {
    var bytes = [UInt8](repeating: 0, count: 20)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return Int(String(decoding: bytes.prefix(max(count, 0)).prefix { $0 != 10 }, as: UTF8.self))
      .map(String.init)
  }
}
