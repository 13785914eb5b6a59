import Foundation
import Training

/// The folder of an experiment's runs and results, locked against other processes.
struct ExperimentFolder {
  /// The content of experiment.json, which says to what the results belong.
  private struct Description: Codable, Equatable {
    let experiment: String
    let scale: String
    let data: [DataSource]
    /// The images and the network with which trained models are measured.
    let measuring: Measuring
  }

  /// The values that determine scores in addition to the run.
  private struct Measuring: Codable, Equatable {
    let images: Int?
    let inception: String?

    /// The same with the path of the network that does not depend on the current folder.
    var resolved: Measuring {
      Measuring(images: images, inception: inception.map(resolvedPath))
    }
  }

  private let held: HeldRun

  /// Makes the folder, or opens it again.
  ///
  /// - Throws: `RunError` when the folder cannot be written, is locked by another process, holds a
  ///   run or another experiment, or holds runs that were begun with other values than the plan's.
  init(_ plan: ExperimentPlan) throws {
    let path = plan.folder.relativePath
    let folder = RunFolder(url: plan.folder)
    guard !folder.holdsRun else {
      throw RunError(
        path: path, reason: "it holds a run, not an experiment", remedy: "choose another --out")
    }
    try makeFolder(plan.folder, named: path)
    held = try HeldRun(folder)
    let file = plan.folder.appending(path: "experiment.json")
    let mine = Description(
      experiment: plan.experiment.name, scale: plan.setting.scale.rawValue,
      data: plan.setting.data,
      measuring: Measuring(images: plan.images, inception: plan.inception.map(resolvedPath)))
    for run in plan.runs { try ExperimentFolder.expectSameConfiguration(run) }
    if let data = try SmallFile.contents(file.path) {
      let former = try ExperimentFolder.description(mine, in: data, path: file.relativePath)
      if former.measuring.resolved != mine.measuring.resolved {
        ExperimentFolder.removeScores(of: plan)
      }
    }
    try folder.write(snakeCaseJSON(mine), to: file)
  }

  /// Measures trained models again if the images or the network have changed.
  private static func removeScores(of plan: ExperimentPlan) {
    guard case .training = plan.experiment.work else { return }
    for file in plan.runs.flatMap(plan.results) {
      try? FileManager.default.removeItem(at: file)
    }
  }

  /// The record in the folder, if it belongs to the same experiment.
  private static func description(
    _ mine: Description, in data: Data, path: String
  ) throws -> Description {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let former = try? decoder.decodeUntrusted(Description.self, from: data) else {
      throw RunError(
        path: path, reason: "it is no description of an experiment",
        remedy: "choose another --out, or remove the file")
    }
    for (what, found, wanted) in [
      ("experiment", former.experiment, mine.experiment), ("scale", former.scale, mine.scale),
    ] where found != wanted {
      throw RunError(
        path: path, reason: "the folder holds results of the \(what) '\(found)', not '\(wanted)'",
        remedy: "choose another --out")
    }
    guard former.data.map(\.resolved) == mine.data.map(\.resolved) else {
      throw RunError(
        path: path,
        reason: "its runs have other images (\(names(former.data)), not \(names(mine.data)))",
        remedy: "choose another --out, or give --data and how it is read as before")
    }
    return former
  }

  private static func names(_ sources: [DataSource]) -> String {
    sources.isEmpty
      ? "generated scenes"
      : sources.map { (["\($0.path ?? "generated scenes")"] + $0.options).joined(separator: " ") }
        .joined(separator: ", ")
  }

  /// Stops a run from being continued with other values than those with which it was begun.
  private static func expectSameConfiguration(_ run: ExperimentPlan.Run) throws {
    guard let data = try SmallFile.contents(run.folder.configuration.path) else { return }
    let former = RunConfiguration.texts(ofJSON: data)
    let wanted = RunConfiguration.texts(ofJSON: Data(try run.configuration.json().utf8))
    guard former != wanted else { return }
    // The steps are compared first: the schedules follow from them, so they differ as a
    // consequence.
    let name =
      (["steps"] + wanted.keys.sorted()).first { former[$0] != wanted[$0] } ?? "configuration"
    throw RunError(
      path: run.folder.url.relativePath,
      reason: "this run was begun with another configuration: \(name) is "
        + "\(former[name] ?? "missing"), and would now be \(wanted[name] ?? "missing")",
      remedy: "give the options as before, or choose another --out")
  }
}

extension DataSource {
  /// The options that say how the images are read.
  fileprivate var options: [String] {
    let words = arguments
    return words.first == "--data" ? Array(words.dropFirst(2)) : words
  }
}
