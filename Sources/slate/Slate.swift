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
  /// All that it prints goes through `Console`, help and error messages too: what could not be printed
  /// is a failure.
  static func main() {
    // A file that grows beyond the limit of its user is an error of the write, like a full disk.
    cp_ignore_signals_of_writes()
    var status = EXIT_SUCCESS
    do {
      let words = Array(CommandLine.arguments.dropFirst())
      var command = try parseAsRoot(CommandLineWords(words, of: Slate.self).words)
      if !(command is any SharedCommand), !words.isEmpty { try Ranks.expectOne(words[0]) }
      try command.run()
    } catch {
      // A request for help is an "error" of the parser, with status 0.
      let text = fullMessage(for: error)
      status = exitCode(for: error).rawValue
      if status == EXIT_SUCCESS {
        Console.print(text)
      } else {
        Ranks.fail(text, error, status: status)
        Foundation.exit(status)
      }
    }
    Ranks.end()
    if status == EXIT_SUCCESS, let error = Console.firstFailure {
      // Who ended reading, as `head` does, knows.
      if error == EPIPE { Foundation.exit(128 + SIGPIPE) }
      Console.complain(
        "Error: standard output: what was to be printed could not be written "
          + "(\(String(cString: strerror(error)))); free some space, or print elsewhere")
      status = EXIT_FAILURE
    }
    Foundation.exit(status)
  }
}
