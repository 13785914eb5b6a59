import ArgumentParser
import CProcess
import Foundation

/// Trains and examines SLATE with implicit slot attention.
@main
struct Slate: ParsableCommand {
  /// The version of the package.
  static let version = "0.2.0"

  static let configuration = CommandConfiguration(
    commandName: "slate",
    abstract: "Object-centric image models with slot attention as a fixed point.",
    discussion: """
      A run is a folder: `train` writes it, the other commands read it.

        slate train --data pictures --out runs/pictures
        slate evaluate runs/pictures
        slate reconstruct runs/pictures photo.jpg --out seen.png

      Without --data, scenes of coloured shapes are generated.
      """,
    version: version,
    subcommands: [
      Train.self, Evaluate.self, Reconstruct.self, Slots.self, Compose.self,
      ExperimentCommand.self, Table.self, Compare.self, Plot.self, DataCommand.self, Import.self,
      FrechetInceptionDistance.self, Doctor.self,
    ])

  /// Runs the command that the arguments name.
  ///
  /// All output goes through `Console`, including help and error messages; output that could not be
  /// printed is a failure.
  static func main() {
    // With the signal ignored, a file that exceeds its user's limit is an error of the write, like
    // a full disk.
    cp_ignore_signals_of_writes()
    var status = EXIT_SUCCESS
    do {
      let words = try CommandLineWords.texts(ofWords: CommandLineWords.given)
      var command = try parseAsRoot(CommandLineWords(words, of: Slate.self).words)
      if !(command is any SharedCommand), !words.isEmpty { try Ranks.expectOne(words[0]) }
      try command.run()
    } catch {
      // The parser reports a request for help as an "error" with status 0.
      let text = fullMessage(for: error)
      status = exitCode(for: error).rawValue
      if status == EXIT_SUCCESS {
        Console.print(text)
      } else {
        Ranks.fail(text, error, status: status)
        cp_leave(status)
      }
    }
    Ranks.end()
    if status == EXIT_SUCCESS, let error = Console.firstFailure {
      // Whoever closed the pipe, as `head` does, knows it.
      if error == EPIPE { cp_leave(128 + SIGPIPE) }
      Console.complain(
        "Error: standard output: what was to be printed could not be written "
          + (error == EBADF
            ? "(it is closed); print elsewhere"
            : "(\(String(cString: strerror(error)))); free some space, or print elsewhere"))
      status = EXIT_FAILURE
    }
    cp_leave(status)
  }
}
