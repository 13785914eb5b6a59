import Foundation
import Tensors
import TestFolders
import Testing

@testable import slate

/// The lock on a run's folder, and the folders of new runs.
///
/// Each test has a process of its own: a lock lasts until every process that another test is starting at
/// that moment has closed its copy of the file.
@Suite struct HeldRunTests {
  @Test("one process holds a folder, others are told which, and then it is free again")
  func held() async {
    await #expect(processExitsWith: .success) {
      let place = try TemporaryFolder()
      let folder = RunFolder(url: place.url)
      #expect(HeldRun.otherHolder(of: folder) == nil)
      #expect(!FileManager.default.fileExists(atPath: folder.lock.path))
      // A process with a longer number was killed here.
      try Data("1234567890123\n".utf8).write(to: folder.lock)
      #expect(HeldRun.otherHolder(of: folder) == nil)
      var held: HeldRun? = try HeldRun(folder)
      #expect(try String(contentsOf: folder.lock, encoding: .utf8) == "\(getpid())\n")
      #expect(HeldRun.otherHolder(of: folder) == "process \(getpid())")
      let error = try #require(throws: RunError.self) { try HeldRun(folder) }
      #expect(error.path == folder.url.relativePath)
      #expect(error.reason == "process \(getpid()) is writing to this run")
      #expect(error.remedy.contains("`kill \(getpid())`"))
      // Who asked in vain has changed nothing.
      #expect(try String(contentsOf: folder.lock, encoding: .utf8) == "\(getpid())\n")
      #expect(held?.folder.url == folder.url)
      held = nil
      #expect(HeldRun.otherHolder(of: folder) == nil)
      held = try HeldRun(folder)
      #expect(HeldRun.otherHolder(of: folder) != nil)
    }
  }

  @Test("a holder that left no number is another process")
  func unnamed() async {
    await #expect(processExitsWith: .success) {
      let place = try TemporaryFolder()
      let folder = RunFolder(url: place.url)
      for text in ["", "-", "12 apples\n"] {
        try Data(text.utf8).write(to: folder.lock)
        let descriptor = open(folder.lock.path, O_RDWR)
        try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        #expect(HeldRun.otherHolder(of: folder) == "another process", "\(text)")
        let error = try #require(throws: RunError.self) { try HeldRun(folder) }
        #expect(error.reason == "another process is writing to this run", "\(text)")
        #expect(error.remedy.contains("`kill PID`"), "\(text)")
        close(descriptor)
      }
    }
  }

  @Test("the lock of a process that is killed ends with it")
  func killed() async {
    await #expect(processExitsWith: .success) {
      let place = try TemporaryFolder()
      let folder = RunFolder(url: place.url.appending(path: "run", directoryHint: .isDirectory))
      let process = try SlateProgram.startTraining("--steps", "1000000", out: folder.url.path)
      while process.isRunning && !folder.holdsRun { usleep(5_000) }
      #expect(HeldRun.otherHolder(of: folder) == "process \(process.processIdentifier)")
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      #expect(HeldRun.otherHolder(of: folder) == nil)
      _ = try HeldRun(folder)
    }
  }

  @Test("what stands in the lock's place, and cannot be one, is named")
  func unwritable() throws {
    try withTemporaryFolder { place in
      let folder = RunFolder(url: place)
      try FileManager.default.createDirectory(at: folder.lock, withIntermediateDirectories: false)
      let error = try #require(throws: RunError.self) { try HeldRun(folder) }
      #expect(
        error.path.hasSuffix("/lock") && error.reason == "it is a folder, not a file", "\(error)")
      // Locking says why; asking for the holder does not fail.
      #expect(HeldRun.otherHolder(of: folder) == nil)
    }
  }

  @Test("a folder that is named is made with those around it, unless a run is in it")
  func named() async {
    await #expect(processExitsWith: .success) {
      let place = try TemporaryFolder()
      let path = place.path("new/one of many")
      var held: HeldRun? = try HeldRun.create(at: path)
      let folder = try #require(held).folder
      #expect(folder.url.path == path)
      #expect(HeldRun.otherHolder(of: folder) == "process \(getpid())")
      held = nil
      for name in ["checkpoint.safetensors", "checkpoint.previous.safetensors"] {
        let file = folder.url.appending(path: name)
        try Data().write(to: file)
        let error = try #require(throws: RunError.self) { try HeldRun.create(at: path) }
        #expect(error.path == path && error.reason == "it already holds a run", "\(name)")
        #expect(error.remedy.hasPrefix("continue it with --resume '\(path)',"), "\(error.remedy)")
        // What was refused is not held.
        #expect(HeldRun.otherHolder(of: folder) == nil, "\(name)")
        try FileManager.default.removeItem(at: file)
      }
      // The files of a run that was ended before its first checkpoint are none.
      try Data("{}\n".utf8).write(to: folder.configuration)
      try Data().write(to: folder.metrics)
      held = try HeldRun.create(at: path)
      held = nil
      // Measurements are some.
      try Data("{\"step\": 0}\n".utf8).write(to: folder.metrics)
      let measured = try #require(throws: RunError.self) { try HeldRun.create(at: path) }
      #expect(measured.path == path && measured.reason.hasPrefix("it holds the measurements"))
      #expect(measured.remedy.contains(folder.metrics.relativePath))
      #expect(HeldRun.otherHolder(of: folder) == nil)

      let error = try #require(throws: RunError.self) {
        try HeldRun.create(at: folder.configuration.path + "/run")
      }
      #expect(error.reason.hasPrefix("the folder cannot be made ("), "\(error)")
    }
  }

  @Test("a folder that is not named is the first that is free, and nobody else's")
  func numbered() async {
    await #expect(processExitsWith: .success) {
      let place = try TemporaryFolder()
      try #require(FileManager.default.changeCurrentDirectoryPath(place.url.path))
      Workers.count = 8
      let names = try Workers.map(8) { _ in
        try HeldRun.create(at: nil).folder.url.relativePath
      }
      #expect(names.sorted() == (1...8).map { "runs/slate-00\($0)" })
      try FileManager.default.removeItem(atPath: "runs/slate-003")
      let held = try HeldRun.create(at: nil)
      #expect(held.folder.url.relativePath == "runs/slate-003")
      #expect(HeldRun.otherHolder(of: held.folder) == "process \(getpid())")
      #expect(try HeldRun.create(at: nil).folder.url.relativePath == "runs/slate-009")

      try FileManager.default.removeItem(atPath: "runs")
      try Data().write(to: URL(filePath: "runs"))
      let error = try #require(throws: RunError.self) { try HeldRun.create(at: nil) }
      #expect(error.path == "runs/slate-001" && error.remedy.contains("--out"), "\(error)")
    }
  }
}
